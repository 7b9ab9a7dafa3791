// Text with a tool, a stream and an embedding through the Vercel AI SDK.
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { embed, generateText, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';

const provider = new NodeTracerProvider({
  spanProcessors: [new SimpleSpanProcessor(new OTLPTraceExporter())],
});
provider.register();
const models = createOpenAICompatible({
  name: 'weather-provider',
  baseURL: process.env.OPENAI_BASE_URL,
  apiKey: 'none',
  includeUsage: true,
});
const telemetry = (functionId) => ({
  isEnabled: true,
  functionId,
  metadata: { userId: 'user-1', sessionId: 'session-1', tags: ['a', 'b'], tier: 'gold' },
});
await generateText({
  model: models('gpt-4o-mini'),
  system: 'Be brief.',
  prompt: 'How is the weather in Oslo?',
  temperature: 0.1,
  maxOutputTokens: 100,
  tools: {
    get_weather: tool({
      description: 'Weather of a city',
      inputSchema: z.object({ city: z.string() }),
      execute: async ({ city }) => `sunny in ${city}`,
    }),
  },
  stopWhen: stepCountIs(3),
  experimental_telemetry: telemetry('weather'),
});
const streamed = streamText({
  model: models('gpt-4o-mini'),
  prompt: 'And tomorrow?',
  experimental_telemetry: telemetry('tomorrow'),
});
for await (const _ of streamed.textStream);
await embed({
  model: models.textEmbeddingModel('text-embedding-3-small'),
  value: 'sunny',
  experimental_telemetry: telemetry('embedding'),
});
await provider.shutdown();

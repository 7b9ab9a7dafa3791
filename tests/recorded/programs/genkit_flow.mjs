// A flow with a tool of Genkit, on a model that answers from memory.
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { genkit, z } from 'genkit';
import { enableTelemetry, flushTracing } from 'genkit/tracing';

await enableTelemetry({ spanProcessors: [new SimpleSpanProcessor(new OTLPTraceExporter())] });
const ai = genkit({});
const usage = { inputTokens: 40, outputTokens: 12, thoughtsTokens: 4, totalTokens: 52 };
ai.defineModel({ name: 'remembered', supports: { tools: true, multiturn: true } }, async (request) => {
  const isAnswered = request.messages.some((message) => message.role === 'tool');
  const part = isAnswered
    ? { text: 'It is sunny in Oslo.' }
    : { toolRequest: { name: 'get_weather', ref: 'call_1', input: { city: 'Oslo' } } };
  return { message: { role: 'model', content: [part] }, finishReason: 'stop', usage };
});
const weather = ai.defineTool(
  { name: 'get_weather', description: 'Weather of a city', inputSchema: z.object({ city: z.string() }), outputSchema: z.string() },
  async ({ city }) => `sunny in ${city}`,
);
const flow = ai.defineFlow({ name: 'ask', inputSchema: z.string(), outputSchema: z.string() }, async (prompt) => {
  const { text } = await ai.generate({ model: 'remembered', prompt, tools: [weather], config: { temperature: 0.1 } });
  return text;
});
await flow('How is the weather in Oslo?');
await flushTracing();
process.exit(0);

// An application with the Langfuse SDK for JavaScript 4 and later.
import { observeOpenAI } from '@langfuse/openai';
import { LangfuseSpanProcessor } from '@langfuse/otel';
import * as tracing from '@langfuse/tracing';
import { NodeSDK } from '@opentelemetry/sdk-node';
import OpenAI from 'openai';

const processor = new LangfuseSpanProcessor({ exportMode: 'immediate' });
const sdk = new NodeSDK({ spanProcessors: [processor] });
sdk.start();
const messages = [{ role: 'user', content: 'How is the weather in Oslo?' }];

async function steps() {
  await tracing.startActiveObservation('handle', async (agent) => {
    agent.update({ metadata: { attempt: 2, label: 'x', nested: { deep: [1, 2] } } });
    const tool = tracing.startObservation('broken', { input: { a: 1 } }, { asType: 'tool' });
    tool.update({ level: 'ERROR', statusMessage: 'the tool is down' }).end();
    tracing
      .startObservation(
        'manual',
        {
          model: 'gpt-4o',
          modelParameters: { temperature: 0.2, max_tokens: 10 },
          input: messages,
          output: { role: 'assistant', content: 'Sunny.' },
          usageDetails: { input: 10, output: 5 },
          costDetails: { input: 0.00001, output: 0.00002 },
        },
        { asType: 'generation' },
      )
      .end();
    const model = observeOpenAI(new OpenAI(), { generationName: 'plain' });
    await model.chat.completions.create({ model: 'gpt-4o-mini', messages, temperature: 0.1 });
    tracing.startObservation('noticed', { input: 'e', level: 'WARNING' }, { asType: 'event' });
  }, { asType: 'agent' });
}

const about = { userId: 'user-1', sessionId: 'session-1', tags: ['a', 'b'], metadata: { tier: 'gold' } };
await tracing.startActiveObservation('request', async (root) => {
  root.update({ input: { question: 'Oslo?' }, output: { answer: 'Sunny.' } });
  if (tracing.updateActiveTrace) {
    tracing.updateActiveTrace({ name: 'weather', ...about });
    await steps();
  } else {
    await tracing.propagateAttributes({ traceName: 'weather', ...about }, steps);
  }
});
await processor.forceFlush();
await sdk.shutdown();

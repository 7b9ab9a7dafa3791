// An application with the Langfuse SDK for JavaScript 3, which sends batches of events.
import { Langfuse } from 'langfuse';

const langfuse = new Langfuse({ flushAt: 100 });
const trace = langfuse.trace({
  name: 'weather',
  userId: 'user-1',
  sessionId: 'session-1',
  tags: ['a', 'b'],
  metadata: { tier: 'gold' },
  input: { question: 'Oslo?' },
});
const span = trace.span({ name: 'handle', metadata: { attempt: 2 } });
const generation = span.generation({
  name: 'manual',
  model: 'gpt-4o',
  modelParameters: { temperature: 0.2 },
  input: [{ role: 'user', content: 'How is the weather in Oslo?' }],
});
generation.end({
  output: { role: 'assistant', content: 'Sunny.' },
  usageDetails: { input: 10, output: 5 },
  costDetails: { input: 0.00001, output: 0.00002 },
});
span.event({ name: 'noticed', level: 'WARNING', statusMessage: 'careful' });
span.end({ output: 'done' });
trace.update({ output: { answer: 'Sunny.' } });
await langfuse.shutdownAsync();

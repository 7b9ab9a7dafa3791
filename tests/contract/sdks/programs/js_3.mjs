// Every public helper of Langfuse for JavaScript 3.39; prints what each step saw.
import { Langfuse, LangfuseMedia, observeOpenAI } from 'langfuse';
import OpenAI from 'openai';

import { add, chats, eventually, messages, picture, quietly, refusal, run } from './common.mjs';

const client = new Langfuse({ flushAt: 100 });
const at = (second) => new Date(Date.UTC(2026, 0, 2, 3, 4, second));

async function tracing() {
  const trace = client.trace({
    id: 'order-1',
    name: 'order',
    userId: 'user-1',
    sessionId: 'session-1',
    tags: ['a', 'b'],
    metadata: { tier: 'gold', deep: [1, { n: null }] },
    input: { order: 1 },
    version: 'v1',
    public: true,
  });
  const span = trace.span({ id: 'span-1', name: 'step', startTime: at(5), input: 'in', metadata: { n: 1 } });
  span.update({ level: 'WARNING', statusMessage: 'slow' });
  const generation = span.generation({
    id: 'generation-1',
    name: 'ask',
    model: 'gpt-4o',
    modelParameters: { temperature: 0.2, stop: ['x'] },
    startTime: at(5),
    completionStartTime: at(6),
    input: messages,
  });
  generation.end({
    output: { role: 'assistant', content: 'Hi.' },
    usageDetails: { input: 10, output: 5 },
    costDetails: { input: 0.00001, output: 0.00002 },
  });
  span.generation({ id: 'generation-2', name: 'usage', model: 'gpt-4o' }).end({
    usage: { promptTokens: 7, completionTokens: 3, totalTokens: 10 },
  });
  span.event({ id: 'event-1', name: 'noticed', level: 'DEBUG', input: 'e' });
  span.end({ output: 'out' });
  client.span({ id: 'loose-1', traceId: 'order-1', parentObservationId: 'span-1', name: 'loose' }).end();
  client.generation({ id: 'generation-3', traceId: 'order-1', name: 'alone', environment: 'other' }).end();
  client.event({ id: 'event-2', traceId: 'order-1', name: 'lone' });
  trace.update({ output: { done: true } });
  await client.flushAsync();
  const staged = new Langfuse({ environment: 'staging', release: 'r-staging', mask: () => 'masked' });
  staged.trace({ id: 'staged-1', name: 'staged', input: 'secret' });
  await staged.shutdownAsync();
  return { url: trace.getTraceUrl() };
}

async function prompts() {
  await client.createPrompt({ name: 'team/base', prompt: 'You are {{who}}.', labels: ['production'] });
  const made = await client.createPrompt({
    name: 'team/answer',
    prompt: '@@@langfusePrompt:name=team/base|label=production@@@ Answer {{question}}',
    labels: ['production'],
    tags: ['support'],
    config: { model: 'm' },
    commitMessage: 'first',
  });
  const text = await client.getPrompt('team/answer');
  await client.createPrompt({ name: 'team/answer', prompt: 'Second', labels: ['staging'] });
  await client.createPrompt({
    name: 'talk',
    type: 'chat',
    prompt: [
      { role: 'system', content: 'Be {{tone}}.' },
      { type: 'placeholder', name: 'history' },
    ],
    labels: ['production'],
  });
  const chat = await client.getPrompt('talk', undefined, { type: 'chat' });
  const updated = await client.updatePrompt({ name: 'team/answer', version: 1, newLabels: ['stable'] });
  const trace = client.trace({ id: 'prompted-1', name: 'prompted' });
  trace.generation({ name: 'with-prompt', prompt: text }).end();
  await client.flushAsync();
  await client.createPrompt({ name: 'cached', prompt: 'one', labels: ['production'] });
  const first = (await client.getPrompt('cached')).prompt;
  await client.createPromptStateless({ name: 'cached', prompt: 'two', labels: ['production'], type: 'text' });
  const fallback = await quietly(() =>
    client.getPrompt('nobody', undefined, { fallback: 'instead {{x}}', maxRetries: 0 }),
  );
  return {
    made: [made.version, [...made.labels].sort(), made.tags, made.config, made.commitMessage],
    text: text.compile({ who: 'Ann', question: 'it' }),
    chat: chat.compile({ tone: 'kind' }, { history: [{ role: 'assistant', content: 'yes' }] }),
    staging: (await client.getPrompt('team/answer', undefined, { label: 'staging' })).version,
    version: (await client.getPrompt('team/answer', 1, { cacheTtlSeconds: 0 })).version,
    labels: [...updated.labels].sort(),
    cached: [first, (await client.getPrompt('cached')).prompt],
    uncached: (await client.getPrompt('cached', undefined, { cacheTtlSeconds: 0 })).prompt,
    fallback: [fallback.compile({ x: 'y' }), fallback.isFallback],
    missing: (await refusal(() => client.getPrompt('nobody', undefined, { maxRetries: 0 }))) !== null,
  };
}

async function datasets() {
  await client.createDataset({ name: 'eval/qa', description: 'sums', metadata: { of: 'us' } });
  for (const q of ['1+1', '2+2']) {
    await client.createDatasetItem({
      datasetName: 'eval/qa',
      id: 'item-' + q,
      input: { q },
      expectedOutput: add(q),
      metadata: { hard: false },
    });
  }
  await client.createDatasetItem({ datasetName: 'eval/qa', id: 'item-gone', input: 'x', status: 'ARCHIVED' });
  const dataset = await client.getDataset('eval/qa', { fetchItemsPageSize: 1 });
  for (const item of dataset.items) {
    const trace = client.trace({ name: 'linked' });
    const generation = trace.generation({ name: 'sum', input: item.input });
    generation.end({ output: add(item.input.q) });
    trace.score({ name: 'exact', value: 1 });
    await item.link(generation, 'linked run', { description: 'd', metadata: { m: 1 } });
  }
  await client.createDatasetRunItem({
    runName: 'by hand',
    datasetItemId: dataset.items[0].id,
    traceId: 'order-1',
    observationId: 'span-1',
  });
  await client.flushAsync();
  const runs = await client.getDatasetRuns('eval/qa', { limit: 1 });
  const run = await client.getDatasetRun({ datasetName: 'eval/qa', runName: 'linked run' });
  return {
    dataset: [dataset.name, dataset.description, dataset.metadata],
    items: dataset.items.map((item) => [item.id, item.input, String(item.expectedOutput), item.metadata]).sort(),
    item: (await client.getDatasetItem('item-gone')).status,
    runs: [runs.meta.totalItems, runs.data.length],
    run: [run.name, run.description, run.metadata, run.datasetRunItems.map((each) => each.datasetItemId).sort()],
    linked: run.datasetRunItems.map((each) => Boolean(each.traceId && each.observationId)),
  };
}

async function scores() {
  const config = await client.api.scoreConfigsCreate({
    name: 'verdict',
    dataType: 'CATEGORICAL',
    categories: [
      { label: 'good', value: 1 },
      { label: 'bad', value: 0 },
    ],
  });
  const traceId = 'order-1';
  client.score({ traceId, id: 's-1', name: 'number', value: 0.25, comment: 'c' });
  client.score({ traceId, observationId: 'span-1', id: 's-2', name: 'flag', value: 1, dataType: 'BOOLEAN' });
  client.score({ traceId, id: 's-3', name: 'kind', value: 'good' });
  client.score({ traceId, id: 's-4', name: 'verdict', value: 'good', configId: config.id });
  await client.flushAsync();
  client.score({ traceId, id: 's-1', name: 'number', value: 0.75 });
  await client.flushAsync();
}

async function media() {
  const file = new LangfuseMedia({ contentBytes: picture(33), contentType: 'image/png' });
  const trace = client.trace({ id: 'media-1', name: 'look', input: { picture: file } });
  trace.span({ name: 'see', metadata: { again: file } }).end();
  await client.flushAsync();
  const stored = await eventually(async () => {
    const { data } = await client.fetchTrace('media-1');
    return data.input && data;
  });
  const resolved = await client.resolveMediaReferences({ obj: stored.input, resolveWith: 'base64DataUri' });
  const id = /id=([^|]+)/.exec(stored.input.picture)[1];
  const fetched = await client.fetchMedia(id);
  return {
    id,
    input: stored.input,
    resolved: resolved.picture.slice(0, 30),
    fetched: [fetched.mediaId, fetched.contentType],
  };
}

async function fetching() {
  const { data: trace } = await eventually(async () => {
    const found = await client.fetchTrace('order-1');
    return found.data.observations.length === 7 && found.data.scores.length === 4 && found;
  });
  const { data: generation } = await client.fetchObservation('generation-1');
  const ids = (found) => found.data.map((each) => each.id).sort();
  return {
    trace: [trace.name, trace.userId, trace.sessionId, trace.tags.sort(), trace.input, trace.output, trace.version],
    observations: Object.fromEntries(trace.observations.map((o) => [o.id, [o.type, o.parentObservationId, o.level]])),
    generation: [generation.model, generation.usage.total, generation.calculatedTotalCost, generation.timeToFirstToken],
    'by user': ids(await client.fetchTraces({ userId: 'user-1', tags: ['a', 'b'], orderBy: 'timestamp.desc' })),
    generations: ids(await client.fetchObservations({ traceId: 'order-1', type: 'GENERATION' })),
    sessions: ids(await client.fetchSessions({ limit: 10 })),
    missing: (await quietly(() => client.fetchTrace('nothing'))).data.message,
  };
}

async function openai() {
  const trace = client.trace({ id: 'openai-1', name: 'openai' });
  const wrapped = (generationName) => observeOpenAI(new OpenAI(), { generationName, parent: trace });
  const text = await chats(wrapped);
  await client.flushAsync();
  return { text };
}

async function api() {
  const projects = await client.api.projectsGet();
  const models = await client.api.modelsList({ limit: 1 });
  const session = await client.api.sessionsGet('session-1');
  const query = { view: 'traces', metrics: [{ measure: 'count', aggregation: 'count' }] };
  const between = { fromTimestamp: '2020-01-01T00:00:00Z', toTimestamp: '2100-01-01T00:00:00Z' };
  const metrics = await client.api.metricsMetrics({ query: JSON.stringify({ ...query, ...between }) });
  return {
    projects: projects.data.length,
    models: models.meta.totalItems > 10,
    session: session.traces.map((each) => each.id),
    metrics: metrics.data.length,
    health: (await client.api.healthHealth()).status,
    observations: (await client.api.observationsGetMany({ name: 'ask' })).data.map((each) => each.id),
    traces: (await client.api.traceList({ name: 'order' })).data.map((each) => each.id),
    scores: (await client.api.scoreV2Get({ traceId: 'order-1' })).data.map((each) => each.id).sort(),
    configs: (await client.api.scoreConfigsGet({})).data.map((each) => each.name),
    prompts: (await client.api.promptsList({ tag: 'support' })).data.map((each) => each.versions),
    datasets: (await client.api.datasetsList({})).data.map((each) => each.name),
    items: (await client.api.datasetItemsList({ datasetName: 'eval/qa' })).data.length,
  };
}

await run([tracing, prompts, datasets, scores, media, fetching, openai, api]);
await client.shutdownAsync();

// Every public helper of Langfuse for JavaScript 4 and 5; prints what each step saw.
import { awaitAllCallbacks } from '@langchain/core/callbacks/promises';
import { BaseChatModel } from '@langchain/core/language_models/chat_models';
import { AIMessage } from '@langchain/core/messages';
import { ChatPromptTemplate } from '@langchain/core/prompts';
import { StringOutputParser } from '@langchain/core/output_parsers';
import { LangfuseClient } from '@langfuse/client';
import { LangfuseMedia } from '@langfuse/core';
import { CallbackHandler } from '@langfuse/langchain';
import { observeOpenAI } from '@langfuse/openai';
import { LangfuseSpanProcessor } from '@langfuse/otel';
import * as tracing_ from '@langfuse/tracing';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import OpenAI from 'openai';

import { add, chats, eventually, messages, picture, quietly, refusal, run } from './common.mjs';

const { observe, propagateAttributes, startActiveObservation, startObservation } = tracing_;
const isFour = process.env.GENERATION === '4';
const processor = new LangfuseSpanProcessor({
  mask: ({ data }) => (typeof data === 'string' ? data.replaceAll('4711', '****') : data),
});
const provider = new NodeTracerProvider({ spanProcessors: [processor] });
provider.register();
const client = new LangfuseClient();
const ids = {};

async function connection() {
  const wrong = new LangfuseClient({ publicKey: 'pk-lf-wrong', secretKey: 'sk-lf-wrong' });
  return {
    url: await client.getTraceUrl('a'.repeat(32)),
    wrong: await refusal(() => wrong.api.projects.get()),
    health: (await client.api.health.health()).status,
  };
}

const search = observe(async (question) => [question], { name: 'search', asType: 'retriever', captureInput: false });

async function steps(root) {
  await startActiveObservation(
    'handle',
    async (agent) => {
      agent.update({ metadata: { attempt: 2, nested: { deep: [1, 2] } } });
      await search('Oslo?');
      startObservation('broken', { input: { a: 1 } }, { asType: 'tool' })
        .update({ level: 'ERROR', statusMessage: 'the tool is down' })
        .end();
      startObservation(
        'ask',
        {
          model: 'gpt-4o-mini',
          modelParameters: { temperature: 0.2 },
          input: messages,
          output: { role: 'assistant', content: 'Sunny.' },
          usageDetails: { input: 120, output: 30 },
          costDetails: { input: 0.00012, output: 0.00006 },
          version: 'g1',
        },
        { asType: 'generation' },
      ).end();
      startObservation('noticed', { input: 'e', level: 'DEBUG' }, { asType: 'event' });
      client.score.activeObservation({ name: 'found', value: 1, dataType: 'BOOLEAN' });
      client.score.activeTrace({ name: 'helpful', value: 0.5, comment: 'so so' });
    },
    { asType: 'agent' },
  );
  client.score.observation(root, { name: 'close', value: 0.9 });
  client.score.trace(root, { name: 'kind', value: 'good', dataType: 'CATEGORICAL' });
}

async function tracing() {
  const about = { userId: 'user-1', sessionId: 'session-1', tags: ['a', 'b'], version: 'v1' };
  await propagateAttributes({ ...about, traceName: 'decorated', metadata: { tier: 'gold' } }, () =>
    startActiveObservation('request', async (root) => {
      root.update({ input: { question: 'Oslo?' }, output: 'card 4711' });
      await steps(root);
      ids.trace = root.traceId;
      ids.root = root.id;
      if (isFour) root.updateTrace({ public: true });
      else tracing_.setActiveTraceAsPublic();
    }),
  );
  await processor.forceFlush();
  await client.flush();
  return ids;
}

async function prompts() {
  await client.prompt.create({ name: 'team/base', prompt: 'You are {{who}}.', labels: ['production'] });
  const made = await client.prompt.create({
    name: 'team/answer',
    prompt: '@@@langfusePrompt:name=team/base|label=production@@@ Answer {{question}}',
    labels: ['production'],
    tags: ['support'],
    config: { model: 'm' },
    commitMessage: 'first',
  });
  const text = await client.prompt.get('team/answer');
  await client.prompt.create({ name: 'team/answer', prompt: 'Second', labels: ['staging'] });
  await client.prompt.create({
    name: 'talk',
    type: 'chat',
    prompt: [
      { role: 'system', content: 'Be {{tone}}.' },
      { type: 'placeholder', name: 'history' },
    ],
    labels: ['production'],
  });
  const chat = await client.prompt.get('talk', { type: 'chat' });
  const updated = await client.prompt.update({ name: 'team/answer', version: 1, newLabels: ['stable'] });
  const generation = startObservation('with-prompt', { prompt: text }, { asType: 'generation' });
  generation.end();
  await processor.forceFlush();
  await client.prompt.create({ name: 'cached', prompt: 'one', labels: ['production'] });
  const first = (await client.prompt.get('cached')).prompt;
  await client.api.prompts.create({ type: 'text', name: 'cached', prompt: 'two', labels: ['production'] });
  const second = (await client.prompt.get('cached')).prompt;
  const fallback = await quietly(() => client.prompt.get('nobody', { fallback: 'instead {{x}}', maxRetries: 0 }));
  const seen = {
    made: [made.version, [...made.labels].sort(), made.tags, made.config, made.commitMessage],
    text: text.compile({ who: 'Ann', question: 'it' }),
    chat: chat.compile({ tone: 'kind' }, { history: [{ role: 'assistant', content: 'yes' }] }),
    staging: (await client.prompt.get('team/answer', { label: 'staging' })).version,
    version: (await client.prompt.get('team/answer', { version: 1, cacheTtlSeconds: 0 })).version,
    labels: [...updated.labels].sort(),
    cached: [first, second, (await client.prompt.get('cached', { cacheTtlSeconds: 0 })).prompt],
    fallback: [fallback.compile({ x: 'y' }), fallback.isFallback],
    missing: await refusal(() => client.prompt.get('nobody', { maxRetries: 0 })),
  };
  await client.prompt.delete('cached');
  return { ...seen, gone: (await refusal(() => client.prompt.get('cached', { maxRetries: 0 }))) !== null, traceId: generation.traceId };
}

async function datasets() {
  await client.api.datasets.create({ name: 'eval/qa', description: 'sums', metadata: { of: 'us' } });
  for (const q of ['1+1', '2+2', '3+3']) {
    await client.api.datasetItems.create({
      datasetName: 'eval/qa',
      id: 'item-' + q,
      input: { q },
      expectedOutput: add(q),
      metadata: { hard: false },
    });
  }
  const dataset = await client.dataset.get('eval/qa', { fetchItemsPageSize: 2 });
  for (const item of dataset.items) {
    const span = startObservation('linked', { input: item.input, output: add(item.input.q) });
    span.end();
    await item.link(span, 'by hand', { description: 'd', metadata: { m: 1 } });
  }
  await processor.forceFlush();
  const runs = await client.api.datasets.getRuns('eval/qa', { limit: 10 });
  const run = await client.api.datasets.getRun('eval/qa', 'by hand');
  return {
    items: dataset.items.map((item) => [item.id, item.input, String(item.expectedOutput), item.metadata]).sort(),
    runs: runs.data.map((each) => each.name),
    run: [run.name, run.description, run.metadata, run.datasetRunItems.length],
    deleted: (await client.api.datasets.deleteRun('eval/qa', 'by hand')).message,
    item: (await client.api.datasetItems.get('item-1+1')).datasetName,
    listed: (await client.api.datasets.list()).data.map((each) => each.name),
  };
}

async function experiments() {
  const dataset = await client.dataset.get('eval/qa');
  const exact = async ({ output, expectedOutput }) => ({ name: 'exact', value: Number(output === String(expectedOutput)) });
  const kind = async () => [{ name: 'kind', value: 'even', dataType: 'CATEGORICAL' }];
  const share = async ({ itemResults }) => ({ name: 'share', value: itemResults.length / 3 });
  const result = await dataset.runExperiment({
    name: 'sums',
    runName: 'sums of today',
    description: 'adds',
    metadata: { model: 'm' },
    task: async ({ input }) => add(input.q),
    evaluators: [exact, kind],
    runEvaluators: [share],
    maxConcurrency: 2,
  });
  const local = await client.experiment.run({
    name: 'local',
    data: [{ input: { q: '5+5' }, expectedOutput: '10' }],
    task: async ({ input }) => add(input.q),
    evaluators: [exact],
  });
  await processor.forceFlush();
  await client.flush();
  return {
    run: result.runName,
    runId: result.datasetRunId,
    url: result.datasetRunUrl,
    outputs: result.itemResults.map((each) => each.output).sort(),
    traceIds: result.itemResults.map((each) => each.traceId),
    evaluations: result.itemResults.flatMap((each) => each.evaluations.map((e) => [e.name, e.value])).sort(),
    runEvaluations: result.runEvaluations.map((e) => [e.name, e.value]),
    local: [local.itemResults[0].output, local.itemResults[0].traceId],
    datasetId: dataset.id,
    text: (await result.format()).includes('sums'),
  };
}

async function scores() {
  const config = await client.api.scoreConfigs.create({
    name: 'verdict',
    dataType: 'CATEGORICAL',
    categories: [
      { label: 'good', value: 1 },
      { label: 'bad', value: 0 },
    ],
  });
  const traceId = ids.trace;
  client.score.create({ traceId, id: 's-1', name: 'number', value: 0.25, comment: 'c' });
  client.score.create({ traceId, observationId: ids.root, id: 's-2', name: 'flag', value: 1, dataType: 'BOOLEAN', metadata: { by: 'us' } });
  client.score.create({ sessionId: 'session-1', id: 's-3', name: 'mood', value: 'good' });
  client.score.create({ traceId, id: 's-4', name: 'verdict', value: 'good', configId: config.id });
  await client.score.flush();
  client.score.create({ traceId, id: 's-1', name: 'number', value: 0.75 });
  await client.score.flush();
  return { configs: (await client.api.scoreConfigs.get({})).data.map((each) => each.name) };
}

async function media() {
  const file = new LangfuseMedia({
    source: 'bytes',
    contentBytes: picture(40 + Number(process.env.GENERATION)),
    contentType: 'image/png',
  });
  const span = startObservation('look', { input: { picture: file }, metadata: { again: file } });
  span.end();
  await processor.forceFlush();
  const id = await file.getId();
  const fetched = await eventually(() => client.api.media.get(id));
  const tag = await file.getTag();
  const resolved = await client.media.resolveReferences({ obj: { a: [tag] }, resolveWith: 'base64DataUri' });
  return { traceId: span.traceId, id, tag, resolved: resolved.a[0].slice(0, 30), fetched: [fetched.mediaId, fetched.contentType] };
}

async function fetching() {
  const trace = await eventually(async () => {
    const found = await client.api.trace.get(ids.trace);
    return found.observations.length === 6 && found.scores.length === 7 && found;
  });
  const session = await client.api.sessions.get('session-1');
  const newer = isFour ? client.api.observationsV2 : client.api.observations;
  const older = isFour ? client.api.observations : client.api.legacy.observationsV1;
  const page = await newer.getMany({ traceId: ids.trace, limit: 4, fields: 'core,basic,io,usage,metadata' });
  const rest = await newer.getMany({ traceId: ids.trace, limit: 100, cursor: page.meta.cursor });
  const generation = trace.observations.find((each) => each.name === 'ask');
  const one = await older.get(generation.id);
  return {
    trace: [trace.name, trace.userId, trace.sessionId, trace.tags.sort(), trace.input, trace.output],
    listed: (await client.api.trace.list({ userId: 'user-1', name: 'decorated' })).data.map((each) => each.id === ids.trace),
    generation: [one.model, one.usageDetails, one.calculatedTotalCost],
    types: (await older.getMany({ traceId: ids.trace })).data.map((each) => each.type).sort(),
    pages: page.data.length + rest.data.length,
    session: [session.id, session.traces.map((each) => each.id === ids.trace)],
    scores: trace.scores.map((each) => each.name).sort(),
    missing: await refusal(() => client.api.trace.get('nothing')),
  };
}

class Remembered extends BaseChatModel {
  _llmType() {
    return 'remembered';
  }

  async _generate() {
    const message = new AIMessage('It is sunny.');
    const tokenUsage = { promptTokens: 11, completionTokens: 4, totalTokens: 15 };
    return { generations: [{ text: 'It is sunny.', message }], llmOutput: { tokenUsage } };
  }
}

async function langchain() {
  const handler = new CallbackHandler({ userId: 'user-3', sessionId: 'session-3', tags: ['chain'] });
  const prompt = ChatPromptTemplate.fromMessages([['system', 'Be brief.'], ['user', '{question}']]);
  const chain = prompt.pipe(new Remembered({})).pipe(new StringOutputParser());
  const answer = await chain.invoke({ question: 'Oslo?' }, { callbacks: [handler], runName: 'chained' });
  await awaitAllCallbacks();
  await processor.forceFlush();
  return { answer, traceId: handler.last_trace_id };
}

async function openai() {
  const wrapped = (generationName) => observeOpenAI(new OpenAI(), { generationName });
  return startActiveObservation('openai', async (root) => {
    const text = await chats(wrapped);
    return { text, traceId: root.traceId };
  }).then(async (seen) => {
    await processor.forceFlush();
    return seen;
  });
}

async function api() {
  const query = JSON.stringify({
    view: 'observations',
    metrics: [{ measure: 'count', aggregation: 'count' }],
    dimensions: [{ field: 'type' }],
    filters: [],
    fromTimestamp: '2020-01-01T00:00:00Z',
    toTimestamp: '2100-01-01T00:00:00Z',
  });
  const newer = isFour ? client.api.metricsV2 : client.api.metrics;
  const older = isFour ? client.api.metrics : client.api.legacy.metricsV1;
  const model = await client.api.models.create({
    modelName: 'own',
    matchPattern: '(?i)^own$',
    unit: 'TOKENS',
    inputPrice: 1,
    outputPrice: 2,
  });
  const kept = (await client.api.models.get(model.id)).modelName;
  await client.api.models.delete(model.id);
  return {
    projects: (await client.api.projects.get()).data.length,
    models: [kept, (await client.api.models.list({ limit: 1 })).meta.totalItems > 10],
    metrics: (await older.metrics({ query })).data.length > 3,
    'metrics 2': (await newer.metrics({ query })).data.length > 3,
    prompts: (await client.api.prompts.list({ tag: 'support' })).data.map((each) => each.versions),
    deleted: (await client.api.trace.delete('0'.repeat(32))).message,
    'deleted together': (await client.api.trace.deleteMultiple({ traceIds: ['1'.repeat(32)] })).message,
  };
}

await run([
  connection, tracing, prompts, datasets, experiments, scores, media, fetching, langchain, openai, api,
]);
await client.shutdown();
await provider.shutdown();

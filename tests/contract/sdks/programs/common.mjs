// What the programs share: running the steps, waiting, a chat and a picture.
import { deflateSync } from 'node:zlib';

// Standard output is for the answers; what an SDK says goes where errors go.
console.log = console.info = console.debug = (...said) => console.error(...said);

export const messages = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'How is the weather in Oslo?' },
];
export const tools = [
  {
    type: 'function',
    function: {
      name: 'get_weather',
      description: 'Weather of a city',
      parameters: { type: 'object', properties: { city: { type: 'string' } } },
    },
  },
];

/** Each step's answer by its name, as JSON on standard output; an error does not stop the next step. */
export async function run(steps) {
  const seen = {};
  for (const step of steps) {
    try {
      seen[step.name] = (await step()) ?? {};
    } catch (error) {
      seen[step.name] = { error: String(error?.stack ?? JSON.stringify(error)) };
    }
  }
  process.stdout.write(JSON.stringify(seen));
}

/** The first truthy answer; an error of `read` means "not yet" until the time is over. */
export async function eventually(read, timeoutMs = 30_000) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    let answer;
    try {
      answer = await quietly(read);
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error('nothing within ' + timeoutMs + ' ms');
    await new Promise((done) => setTimeout(done, 100));
  }
}

/** The HTTP status, or the message, of the error of a call that must fail; null where it succeeds. */
export async function refusal(call) {
  return quietly(async () => {
    try {
      await call();
      return null;
    } catch (error) {
      return error?.statusCode ?? error?.status ?? String(error?.message ?? error);
    }
  });
}

/** The answer of a call of which the SDK reports an error that is expected. */
export async function quietly(call) {
  const kept = { error: console.error, warn: console.warn, log: console.log };
  console.error = console.warn = console.log = () => {};
  try {
    return await call();
  } finally {
    Object.assign(console, kept);
  }
}

/** A PNG of one pixel; each shade is a file of its own. */
export function picture(shade) {
  const chunk = (kind, data) => {
    const body = Buffer.concat([Buffer.from(kind), data]);
    const frame = Buffer.alloc(8);
    frame.writeUInt32BE(data.length, 0);
    frame.writeUInt32BE(checksum(body), 4);
    return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
  };
  const header = Buffer.from([0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.from([0, shade]))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function checksum(data) {
  let value = ~0;
  for (const byte of data) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  }
  return ~value >>> 0;
}

/** The sum that a question such as `1+2` asks for. */
export function add(question) {
  const [left, right] = question.split('+');
  return String(Number(left) + Number(right));
}

/** A call with tools, and a stream, through a wrapped client of OpenAI; the text of the stream. */
export async function chats(wrapped) {
  await wrapped('with-tools').chat.completions.create({ model: 'gpt-4o-mini', messages, tools, temperature: 0.1 });
  const stream = await wrapped('streamed').chat.completions.create({
    model: 'gpt-4o-mini',
    messages,
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = '';
  for await (const part of stream) text += part.choices[0]?.delta?.content ?? '';
  return text;
}

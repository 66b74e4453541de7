#!/usr/bin/env node
/**
 * A model provider for tests: OpenAI's chat completions over HTTP, streamed, by Node alone. What the model says stands in
 * the last message of the user, one command in it; without any the last line is said back.
 *
 *   say: TEXT          answers TEXT, word by word
 *   count: N MS        answers `1 2 3 ...` up to N, with MS between
 *   run: COMMAND       calls the tool `bash`
 *   write: PATH TEXT   calls the tool `write`
 *   call: TOOL JSON    calls any tool
 *
 * Where the last message is the answer of a tool, it is said back. A text that says that its turn was interrupted is
 * taken up again at full speed. A request without tools (for the title of a session) is answered with a title.
 * `[no usage]` anywhere in the text: the provider does not tell what was used.
 *
 * `openai-stub.mjs [HOST]` prints where it listens: http://HOST:PORT/v1. GET /requests answers what was asked so far,
 * a list of {model, system, messages, tools: [name], key}.
 */
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const requests = [];

const textOf = ({ content } = {}) =>
  typeof content === 'string' ? content : (content ?? []).map(({ text = '' }) => text).join('\n');

/** What to say or call: {say: [word], pause} or {tool, input}. */
function decide({ messages, tools }) {
  const last = messages.at(-1);
  const text = textOf(last);
  if (tools.length === 0) return { say: ['A title'], pause: 0 };
  if (last?.role === 'tool') return { say: words(`The tool said: ${text}`), pause: 0 };
  const resumed = text.includes('[agentctl] Your turn on the message below was interrupted');
  for (const line of text.split('\n')) {
    const [, command, rest = ''] = /^(say|count|run|write|call): (.*)$/.exec(line) ?? [];
    const [first = '', ...more] = rest.split(' ');
    const after = more.join(' ');
    switch (command) {
      case 'say':
        return { say: words(rest), pause: 20 };
      case 'count': {
        const numbers = Array.from({ length: Number(first) }, (_, index) => `${index + 1} `);
        return resumed
          ? { say: ['Taken up again: ', ...numbers], pause: 0 }
          : { say: numbers, pause: Number(after) };
      }
      case 'run':
        return { tool: 'bash', input: { command: rest, description: 'Does what the test says' } };
      case 'write':
        return { tool: 'write', input: { filePath: first, content: after } };
      case 'call':
        return { tool: first, input: JSON.parse(after) };
    }
  }
  return { say: words(`You said: ${text.trim().split('\n').at(-1)}`), pause: 20 };
}

const words = (text) => text.match(/\S+\s*|\s+/g) ?? [];

async function complete(request, response) {
  const { model, messages } = request;
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const send = (rest) =>
    response.write(
      `data: ${JSON.stringify({ id: 'chat', object: 'chat.completion.chunk', created: 0, model, ...rest })}\n\n`,
    );
  const choice = (delta, finish_reason = null) => send({ choices: [{ index: 0, delta, finish_reason }] });
  const decided = decide(request);
  let spoken = 1;
  if ('tool' in decided) {
    const call = { name: decided.tool, arguments: JSON.stringify(decided.input) };
    const id = `call_${requests.length}`;
    choice({ role: 'assistant', tool_calls: [{ index: 0, id, type: 'function', function: call }] });
    choice({}, 'tool_calls');
  } else {
    choice({ role: 'assistant', content: '' });
    for (const word of decided.say) {
      if (response.destroyed) return;
      choice({ content: word });
      spoken += 1;
      if (decided.pause > 0) await sleep(decided.pause);
    }
    choice({}, 'stop');
  }
  const silent = messages.some((message) => textOf(message).includes('[no usage]'));
  const asked = request.stream_options?.include_usage === true;
  const usage = { prompt_tokens: 100, completion_tokens: spoken, total_tokens: 100 + spoken };
  if (asked && !silent) send({ choices: [], usage });
  response.end('data: [DONE]\n\n');
}

async function answer(request, response) {
  const json = (status, body) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  switch (`${request.method} ${request.url}`) {
    case 'GET /requests':
      return json(200, requests);
    case 'GET /v1/models':
      return json(200, {
        object: 'list',
        data: ['one', 'two'].map((id) => ({ id, object: 'model', owned_by: 'stub' })),
      });
    case 'POST /v1/chat/completions': {
      const { tools = [], ...rest } = JSON.parse(Buffer.concat(await request.toArray()).toString());
      const names = tools.map(({ function: { name } }) => name);
      const system = rest.messages.filter(({ role }) => role === 'system').map(textOf);
      const { authorization } = request.headers;
      requests.push({
        model: rest.model,
        system: system.join('\n'),
        messages: rest.messages,
        tools: names,
        key: authorization,
      });
      return complete({ ...rest, tools: names }, response);
    }
    default:
      return json(404, { error: { message: `there is no ${request.method} ${request.url}` } });
  }
}

const [host = '127.0.0.1'] = process.argv.slice(2);
const server = createServer((request, response) => {
  answer(request, response).catch((error) => {
    if (response.headersSent) response.destroy(error);
    else
      response
        .writeHead(400, { 'content-type': 'application/json' })
        .end(`{"error":{"message":${JSON.stringify(String(error))}}}`);
  });
});
server.listen(0, host, () => console.log(`http://${host}:${server.address().port}/v1`));

/**
 * A provider of scripted models for tests, over HTTP, streamed, by Node alone. It speaks OpenAI's chat completions and
 * responses (/v1), Anthropic's messages (/v1) and Gemini's generateContent (/v1beta). What a model says: script.ts.
 * `[no usage]` in what the user said: chat completions do not tell what was used.
 *
 * `server.ts [HOST]` prints where it listens: http://HOST:PORT. GET /requests answers what was asked so far, a list of
 * Asked; AGENTCTL_TEST_MODELS_LOG names a file that gets every request whole.
 */
import { appendFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chatCompletions } from './chat-completions.ts';
import { generateContent } from './generate-content.ts';
import { messages } from './messages.ts';
import { responses } from './responses.ts';
import { decide } from './script.ts';
import { type Body, body, type Request, stream, type Usage } from './wire.ts';

export interface Asked extends Omit<Request, 'tools'> {
  /** Names. */
  tools: string[];
  used: Usage;
}

const wires = [chatCompletions, responses, messages, generateContent];
const models = ['one', 'two'];
const asked: Asked[] = [];

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const json = (status: number, value: unknown) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  const { pathname: path } = new URL(request.url ?? '/', 'http://here');
  const sent = Buffer.concat(await request.toArray()).toString();
  const { AGENTCTL_TEST_MODELS_LOG: log } = process.env;
  if (log !== undefined && path !== '/requests')
    appendFileSync(log, `${request.method} ${request.url} ${sent}\n`);
  if (request.method === 'GET' && path === '/requests') return void json(200, asked);
  if (request.method === 'GET' && path.endsWith('/models'))
    return void json(200, {
      object: 'list',
      data: models.map((id) => ({ id, object: 'model', owned_by: 'stub' })),
    });
  if (request.method !== 'POST') return void json(404, { error: { message: `there is no ${path}` } });
  const given: Body = body(JSON.parse(sent));
  if (path.endsWith('/count_tokens')) return void json(200, { input_tokens: 100 });
  if (path.endsWith(':countTokens')) return void json(200, { totalTokens: 100 });
  for (const wire of wires) {
    const read = wire.read(path, given);
    if (read === undefined) continue;
    const told = decide(read);
    const silent = read.silent || read.said.some((said) => said.includes('[no usage]'));
    // About what agents take a text for: some compare.
    const used = { input: Math.ceil(sent.length / 4), output: 'say' in told ? told.say.length + 1 : 1 };
    asked.push({ ...read, tools: read.tools.map(({ name }) => name), used });
    return read.streamed
      ? stream(response, wire.events({ ...read, silent }, told, used))
      : void json(200, wire.whole(read, told, used));
  }
  json(404, { error: { message: `there is no ${path}` } });
}

const [host = '127.0.0.1'] = process.argv.slice(2);
const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    if (response.headersSent) response.destroy();
    else
      response
        .writeHead(400, { 'content-type': 'application/json' })
        .end(JSON.stringify({ error: { message: String(error) } }));
  });
});
server.listen(0, host, () => {
  const { port } = server.address() as AddressInfo; // it listens on a port
  console.log(`http://${host}:${port}`);
});

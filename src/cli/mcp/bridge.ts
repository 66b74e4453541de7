import { request } from 'node:http';
import { createInterface } from 'node:readline';

/**
 * An MCP server over standard input and output that passes each message on to the one that the controller offers to a
 * run of an agent. Until standard input ends and what was asked is answered.
 */
export async function bridge({ url, token }: { url: string; token: string }): Promise<void> {
  const waiting = new Set<Promise<void>>();
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() === '') continue;
    const passed: Promise<void> = passOn(line, url, token)
      .catch((error: unknown) => refuse(line, error instanceof Error ? error.message : String(error)))
      .finally(() => waiting.delete(passed));
    waiting.add(passed);
  }
  await Promise.all(waiting);
}

const write = (text: string): boolean => process.stdout.write(`${text}\n`);

/** Whoever asked is told; of a notification nobody waits for an answer. */
function refuse(line: string, why: string): void {
  const id = idOf(line);
  if (id === undefined) return;
  const error = { code: -32603, message: `The controller of agentctl is out of reach: ${why}` };
  write(JSON.stringify({ jsonrpc: '2.0', id, error }));
}

function idOf(line: string): unknown {
  try {
    const message: unknown = JSON.parse(line);
    return typeof message === 'object' && message !== null && 'id' in message ? message.id : undefined;
  } catch {
    return undefined; // no JSON, so nothing that has an id
  }
}

function passOn(line: string, url: string, token: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      authorization: `Bearer ${token}`,
    };
    const asked = request(url, { method: 'POST', headers }, (response) => {
      const { statusCode = 0, headers: told } = response;
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        body += part;
      });
      response.on('error', reject);
      response.on('end', () => {
        if (statusCode >= 400) return reject(new Error(`it answered ${statusCode}`));
        const isStream = told['content-type']?.startsWith('text/event-stream') === true;
        for (const text of isStream ? dataOf(body) : [body.trim()]) if (text !== '') write(text);
        resolve();
      });
    });
    asked.on('error', reject);
    asked.end(line);
  });
}

/** The messages of a stream of server-sent events. */
const dataOf = (body: string): string[] =>
  body.split('\n').flatMap((line) => (line.startsWith('data:') ? [line.slice('data:'.length).trim()] : []));

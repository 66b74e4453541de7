import { get as httpGet, type IncomingMessage } from 'node:http';
import type { Running } from './support.ts';

const root = '/apis/subresources.agentctl.dev/v1/namespaces/default';
export const at = (path: string): string => `${root}/${path}`;

export interface EventStream {
  response: IncomingMessage;
  /** All that has come so far, as it came. */
  text(): string;
  ended(): boolean;
}

/** Begins to read the stream of a message, by the unix socket; resolves with its headers. */
export async function stream(
  api: Running,
  message: string,
  { query = '', headers = {} }: { query?: string; headers?: Record<string, string> } = {},
): Promise<EventStream> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const path = at(`messages/${message}/stream${query}`);
    httpGet({ socketPath: api.socket, path, headers }, resolve).on('error', reject);
  });
  let text = '';
  let ended = false;
  response.setEncoding('utf8');
  response.on('data', (chunk) => {
    text += chunk;
  });
  response.on('end', () => {
    ended = true;
  });
  response.on('error', () => undefined); // a test destroys it
  return { response, text: () => text, ended: () => ended };
}

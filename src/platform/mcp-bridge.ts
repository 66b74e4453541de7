/** Environment variables with which `agentctl mcp` acts for one run of an agent instead of for the user. */
export const mcpAccess = { url: 'AGENTCTL_MCP_URL', token: 'AGENTCTL_MCP_TOKEN' } as const;

interface Needs {
  http: Pick<typeof import('node:http'), 'request'>;
  readline: Pick<typeof import('node:readline'), 'createInterface'>;
}

interface Place {
  url: string;
  token: string;
}

/**
 * An MCP server on standard input and output. It forwards each message to the MCP server that the controller offers to
 * a run of an agent. Ends when standard input has ended and all requests are answered.
 *
 * Its source text is sent to a container with each session, and any Node found there runs it. So it refers to nothing
 * outside of itself, is written for Node 14, and has no comments. An answer is JSON, or a stream of server-sent events.
 * A failed request gets an error as its answer. A failed notification and invalid JSON get none, because nobody waits
 * for it.
 */
export async function bridge({ http, readline }: Needs, { url, token }: Place): Promise<void> {
  const write = (text: string): boolean => process.stdout.write(`${text}\n`);
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    authorization: `Bearer ${token}`,
  };
  const dataOf = (body: string): string[] =>
    body.split('\n').flatMap((line) => (line.startsWith('data:') ? [line.slice(5).trim()] : []));
  const passOn = (line: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const asked = http.request(url, { method: 'POST', headers }, (response) => {
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
  const idOf = (line: string): unknown => {
    try {
      const message: unknown = JSON.parse(line);
      return typeof message === 'object' && message !== null && 'id' in message ? message.id : undefined;
    } catch {
      return undefined;
    }
  };
  const refuse = (line: string, error: unknown): void => {
    const id = idOf(line);
    const why = error instanceof Error ? error.message : String(error);
    const message = `The controller of agentctl is out of reach: ${why}`;
    if (id !== undefined) write(JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32603, message } }));
  };
  const waiting = new Set<Promise<void>>();
  for await (const line of readline.createInterface({ input: process.stdin })) {
    if (line.trim() === '') continue;
    const passed: Promise<void> = passOn(line)
      .catch((error: unknown) => refuse(line, error))
      .finally(() => waiting.delete(passed));
    waiting.add(passed);
  }
  await Promise.all(waiting);
}

const { url, token } = mcpAccess;

/** Without indentation. Other line breaks stay: a bundle may have the one of a string as it is. */
const code = String(bridge).replace(/\n?[\t ]+/g, ' ');

/** The same for `node -e`, which reads the URL and the token from its environment. */
export const bridgeText = `(${code})({ http: require('http'), readline: require('readline') }, { url: process.env.${url}, token: process.env.${token} });`;

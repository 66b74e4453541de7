import { ownCommand } from './own-command.ts';

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
        const { statusCode = 0, headers: given } = response;
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => {
          body += part;
        });
        response.on('error', reject);
        response.on('end', () => {
          if (statusCode >= 400) return reject(new Error(`it answered ${statusCode}`));
          const isStream = given['content-type']?.startsWith('text/event-stream') === true;
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
const bridgeText = `(${code})({ http: require('http'), readline: require('readline') }, { url: process.env.${url}, token: process.env.${token} });`;

/**
 * An MCP server over stdio, for agents that support no HTTP. Sends each line that it reads as a request to the HTTP
 * server, and writes each answer as a line.
 */
interface Stdio {
  command: string;
  args: string[];
}

/** Environment variables that give the bridge the URL and the token. */
export const access = (url: string, token: string): Record<string, string> => ({
  [mcpAccess.url]: url,
  [mcpAccess.token]: token,
});

/** The bridge for a process that runs as the controller's user: `agentctl mcp`. */
export function ownServer(): Stdio {
  const [command = process.execPath, ...args] = ownCommand();
  return { command, args: [...args, 'mcp'] };
}

const python = `
import json, os, sys, threading, urllib.error, urllib.request
lock, opener = threading.Lock(), urllib.request.build_opener(urllib.request.ProxyHandler({}))
headers = {"content-type": "application/json", "accept": "application/json, text/event-stream",
           "authorization": "Bearer " + os.environ["${mcpAccess.token}"]}
def write(text):
    with lock:
        sys.stdout.buffer.write(text.encode() + b"\\n")
        sys.stdout.buffer.flush()
def pass_on(line):
    try:
        request = urllib.request.Request(os.environ["${mcpAccess.url}"], line.encode(), headers)
        with opener.open(request) as response:
            body = response.read().decode()
            stream = response.headers.get("content-type", "").startswith("text/event-stream")
        data = [one[5:].strip() for one in body.split("\\n") if one.startswith("data:")]
        for one in data if stream else [body.strip()]:
            if one: write(one)
    except Exception as error:
        try: id = json.loads(line).get("id")
        except Exception: id = None
        if id is not None:
            write(json.dumps({"jsonrpc": "2.0", "id": id, "error": {"code": -32603, "message": "agentctl: %s" % error}}))
for line in sys.stdin:
    if line.strip(): threading.Thread(target=pass_on, args=(line,)).start()
`;

const either = `
if command -v node >/dev/null 2>&1; then exec node -e "$1"; fi
if command -v python3 >/dev/null 2>&1; then exec python3 -c "$2"; fi
echo "agentctl: its MCP server over stdio needs node or python3 here" >&2; exit 127
`;

/**
 * The bridge for a container, or for a process of another user. It uses only what is installed there; nothing is copied
 * in.
 */
export const foreignServer: Stdio = {
  command: 'sh',
  args: ['-c', either, 'agentctl-mcp', bridgeText, python],
};

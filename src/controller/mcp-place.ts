import { bridgeText, mcpAccess } from '../platform/mcp-bridge.ts';
import { ownCommand } from '../platform/own-command.ts';

/**
 * An MCP server over stdio, for agents that support no HTTP. Sends each line that it reads as a request to the HTTP
 * server, and writes each answer as a line.
 */
interface Stdio {
  command: string;
  args: string[];
}

/** Environment variables that tell the bridge the URL and the token. */
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

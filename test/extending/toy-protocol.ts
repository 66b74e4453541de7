import { text } from '../../src/api/json.ts';
import {
  type Connection,
  type ConnectOptions,
  type Facts,
  type Host,
  type Protocol,
  ProtocolError,
  type Wire,
} from '../../src/protocols/protocol.ts';

/** Agents that read and write lines such as `{"turn":"m1","is":"text","text":"Hello"}`. */
export const toy: Protocol = {
  name: 'toy',
  capabilities: {
    asksPermission: false,
    offersTools: false,
    transcript: false,
    shutdownLine: true,
    resumes: false,
    queries: false,
    onInterrupted: 'Retry',
    trailing: 0,
  },
  connect,
};

const no = { status: 'False', reason: 'Unsupported', message: 'The protocol cannot set it.' } as const;
const found: Facts = { canResume: false, controls: { model: no, systemPrompt: no, mcp: no } };
const statuses = ['pending', 'in_progress', 'completed', 'failed'] as const;

function connect(wire: Wire, host: Host, { facts = found, log, turns: begun }: ConnectOptions): Connection {
  /** The messages of the turns that have not ended. */
  const turns = new Set(begun.map(({ message }) => message));
  let closed: string | undefined;
  queueMicrotask(() => closed ?? host.ready(facts));

  const write = async (line: object): Promise<void> => {
    if (closed !== undefined) throw new ProtocolError('Closed', closed);
    await wire.write(JSON.stringify(line));
  };
  const send = (line: object): void => {
    write(line).catch((err: unknown) => log.debug({ err }, 'a line was not written'));
  };
  const take = (turn: string, is: string, said: unknown): void => {
    const words = text(said, 'text') ?? '';
    if (is === 'done' || is === 'failed') turns.delete(turn);
    if (is === 'text' || is === 'thought') host.event(turn, { type: is, text: words });
    else if (is === 'usage') host.usage(turn, { totalTokens: Number(words), counts: 'Turn' });
    else if (is === 'done') host.ended(turn, { state: 'Completed' });
    else if (is === 'failed') host.ended(turn, { state: 'Failed', reason: 'AgentError', message: words });
    else if (is === 'tool') {
      const status = statuses.find((one) => one === text(said, 'status'));
      const [id = '', kind = 'other'] = [text(said, 'id'), text(said, 'kind')];
      host.event(turn, { type: 'tool', id, kind, title: words, status });
    }
  };

  return {
    receive: (line) => {
      if (closed !== undefined) return;
      const said = parsed(line);
      const [turn, is] = [text(said, 'turn'), text(said, 'is')];
      if (turn === undefined || is === undefined)
        host.garbage(line.slice(0, 500), 'It has no turn, or no is.');
      else if (turns.has(turn)) take(turn, is, said);
    },
    session: async ({ id, live }) => ({ session: id, how: live ? 'Live' : 'New' }),
    prompt: ({ message, text }) => {
      turns.add(message); // the answer may arrive before the write resolves
      return write({ turn: message, text });
    },
    cancel: (message) => {
      if (turns.has(message)) send({ cancel: message });
    },
    query: async () => {
      throw new ProtocolError('Unsupported', 'Agents of the protocol toy answer no queries.');
    },
    shutdown: () => send({ shutdown: true }),
    close: (reason) => {
      closed ??= reason;
    },
    decide: async () => {},
    routed: async () => {},
    managed: async () => {},
    peers: () => {},
    closeSession: () => {},
  };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // it is no JSON
  }
}

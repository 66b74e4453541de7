/**
 * An agent that floods the controller, for FLOOD_SECONDS (10) from its start, or from its first prompt. FLOOD says with
 * what, and but for approvals it never reads its input:
 *   requests   questions to an agent that there is not
 *   messages   questions to the agent TO
 *   lines      lines that mean nothing
 *   endless    one line without an end
 *   events     reports of a quota, each with another text
 *   approvals  asks over ACP for leave to use a tool
 * Then it says on standard error how much it has said, and sleeps.
 */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';

const { FLOOD = 'requests', FLOOD_SECONDS = '10', TO = 'nobody' } = process.env;

function write(text) {
  let bytes = Buffer.from(text);
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(1, bytes));
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1); // the pipe is full
    }
  }
}

const send = (message) => write(`${JSON.stringify(message)}\n`);
let said = 0;

const lines = {
  requests: (n) => ({ type: 'route_request', requestId: `r${n}`, toId: 'nobody', message: 'x' }),
  messages: (n) => ({ type: 'route_request', requestId: `r${n}`, toId: TO, message: 'x' }),
  lines: () => 'nonsense',
  events: (n) => ({ type: 'quota', message: `the quota is used up, for the time number ${n}` }),
  approvals: (n, session) => ({
    jsonrpc: '2.0',
    id: n,
    method: 'session/request_permission',
    params: {
      sessionId: session,
      toolCall: { toolCallId: `t${n}`, title: 'look', kind: 'read' },
      options: [
        { optionId: 'y', name: 'yes', kind: 'allow_once' },
        { optionId: 'n', name: 'no', kind: 'reject_once' },
      ],
    },
  }),
};

async function flood(session) {
  const end = Date.now() + Number(FLOOD_SECONDS) * 1_000;
  while (Date.now() < end) {
    const some = Array.from({ length: 500 }, () => {
      said += 1;
      return FLOOD === 'endless' ? 'x'.repeat(100) : `${JSON.stringify(lines[FLOOD](said, session))}\n`;
    });
    write(some.join(''));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  process.stderr.write(`said ${said}\n`);
}

setInterval(() => {}, 1_000_000);
if (FLOOD === 'approvals') {
  const answers = {
    initialize: () => ({ protocolVersion: 1, agentCapabilities: {} }),
    'session/new': () => ({ sessionId: 's1' }),
  };
  createInterface({ input: process.stdin }).on('line', (line) => {
    if (line === '') return;
    const { id, method, params } = JSON.parse(line);
    if (method === 'session/prompt') void flood(params.sessionId);
    else if (answers[method] !== undefined) send({ jsonrpc: '2.0', id, result: answers[method]() });
  });
} else {
  send({ type: 'ready' });
  void flood();
}

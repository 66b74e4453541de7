import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'vitest';
import { lacks } from '../../needs.ts';
import { ready } from '../questions.ts';
import { eventually, Session } from '../support.ts';
import { messageOf, sent } from '../talking.ts';

const module = join(import.meta.dirname, '../../../manifests/jsonl');

/** Answers when it is told to by a file, and tells by one that it tried. */
const worker = (folder: string): string => `import os, sys, time
sys.path.insert(0, ${JSON.stringify(module)})
from agentctl_jsonl import Agent
agent = Agent(name="late")

@agent.on_chat
def late(turn):
    while not os.path.exists(${JSON.stringify(join(folder, 'go'))}):
        time.sleep(0.05)
    try:
        turn.text("x" * 100000)
    finally:
        open(${JSON.stringify(join(folder, 'tried'))}, "w").close()

agent.run()
`;

test.skipIf(lacks('mount') || lacks('python3'))(
  'a worker of the shipped module that spoke on a full disk goes on with room on it',
  async () => {
    const session = new Session({ DOCKER_HOST: 'unix:///nowhere' });
    mkdirSync(session.state, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m,mode=0700', 'tmpfs', session.state]);
    try {
      const program = session.file('late.py', worker(session.folder));
      await session.apply(`
apiVersion: agentctl.dev/v1
kind: Agent
metadata: { name: late }
spec:
  minReady: 0s
  protocol: jsonl
  policy: { backoff: { schedule: [100ms], jitter: 0 } }
  template: { command: [python3, ${program}] }
`);
      await ready(session, 'late');
      const name = await sent(session, 'late', 'hello');
      await eventually(
        () => messageOf(session, name),
        ({ status }) => status?.state !== 'Pending',
      );
      const filler = join(session.state, 'filler');
      spawnSync('sh', ['-c', `cat /dev/zero >${filler}`]); // until there is no room
      writeFileSync(join(session.folder, 'go'), '');
      await eventually(() => existsSync(join(session.folder, 'tried')), Boolean);
      rmSync(filler);
      await eventually(
        () => messageOf(session, name),
        ({ status }) => status?.state === 'Completed',
        60_000,
      );
    } finally {
      await session.run(['delete', 'agents', '--all', '--timeout=90s']);
      await session.run(['controller', 'stop', '--agents']);
      execFileSync('umount', ['-l', session.state]);
      rmSync(session.folder, { recursive: true, force: true });
    }
  },
);

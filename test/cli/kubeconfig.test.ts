import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { UnreachableError } from '../../src/api/errors.ts';
import type { ControllerStatus } from '../../src/client/streams.ts';
import { useShell } from './support.ts';

const shell = useShell();
const text = 'clusters:\n  - cluster:\n      server: https://127.0.0.1:7443\n';

beforeAll(() => {
  mkdirSync(join(shell.folder, 'server'), { recursive: true });
  writeFileSync(join(shell.folder, 'server', 'admin.kubeconfig'), text);
});

const listener = { address: 'https://127.0.0.1:7443', listen: '127.0.0.1:7443' };

const controller: ControllerStatus = {
  pid: 1,
  version: '0.1.0',
  startedAt: 2,
  uptime: 3,
  store: { id: 'i', path: '/x', revision: 4 },
  runtimes: [],
  agents: { total: 0, ready: 0 },
  instances: {},
};

const noListener = (): Promise<never> =>
  Promise.reject(
    new UnreachableError('no answer', {
      cause: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }),
    }),
  );

test.each([
  ['listens', async () => ({ ...controller, tls: listener }), ''],
  [
    'does not listen',
    async () => controller,
    'warning: this kubeconfig does not work yet: the controller does not listen for kubectl. Run: agentctl controller restart --listen=127.0.0.1:7443\n',
  ],
  [
    'does not run',
    noListener,
    'warning: this kubeconfig does not work yet: no controller is running. Run: agentctl controller start --listen=127.0.0.1:7443\n',
  ],
])('a kubeconfig of a controller that %s', async (_, status, err) => {
  expect(await shell.run(['kubeconfig'], { through: (client) => ({ ...client, status }) })).toMatchObject({
    code: 0,
    out: text,
    err,
  });
});

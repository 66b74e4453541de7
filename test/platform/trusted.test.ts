import { once } from 'node:events';
import { chmodSync, chownSync, lchownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { answers } from '../../src/cli/background.ts';
import { createHttpClient } from '../../src/client/http.ts';
import { checkFolder, checkSocket } from '../../src/platform/trusted.ts';
import { prepareSocket } from '../../src/server/kept-socket.ts';

const stranger = 54_321;
const root = process.getuid?.() === 0;

let folder: string;
let path: string;
let listener: Server;
let connections: number;
beforeEach(async () => {
  folder = join(mkdtempSync(join(tmpdir(), 'agentctl-trusted-')), 'run');
  mkdirSync(folder, { mode: 0o700 });
  path = join(folder, 'agentctl.sock');
  connections = 0;
  listener = createServer((socket) => {
    connections += 1;
    socket.destroy();
  }).listen(path);
  await once(listener, 'listening');
});
afterEach(() => {
  listener.close();
  rmSync(join(folder, '..'), { recursive: true });
});

/** Has the socket reached over a link to its folder. */
function linked(link: string): void {
  symlinkSync('run', link);
  path = join(link, 'agentctl.sock');
}

/** Every way to the socket that a client has. */
async function refusals(): Promise<string[]> {
  const client = createHttpClient({ socketPath: path });
  const { signal } = new AbortController();
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's' },
    stringData: { a: 'b' },
  } as const;
  const tries = [
    answers(path),
    client.create('Secret', secret),
    client.get('Agent', { name: 'a' }),
    client.watch('Agent', { signal })[Symbol.asyncIterator]().next(),
  ];
  const told = await Promise.all(tries.map((one) => one.then(String, (error: Error) => error.message)));
  client.close();
  return told;
}

test('a socket of this user in a folder of its own is connected to', async () => {
  checkSocket(path);
  expect(await answers(path)).toBe(true);
});

test('a socket over links of this user in folders of its own is connected to', async () => {
  symlinkSync('run', join(folder, '..', 'relative'));
  symlinkSync(join(folder, '..', 'relative'), join(folder, '..', 'absolute'));
  symlinkSync('../absolute/agentctl.sock', join(folder, 'link.sock'));
  for (const way of ['relative/agentctl.sock', 'absolute/agentctl.sock', 'absolute/../run/link.sock']) {
    path = `${folder}/../${way}`;
    checkSocket(path);
    expect([way, await answers(path)]).toEqual([way, true]);
  }
});

test('a socket in a folder of this user within one as /tmp is, is connected to', async () => {
  chmodSync(join(folder, '..'), 0o1777);
  checkSocket(path);
  expect(await answers(path)).toBe(true);
});

test('nothing there is nothing that listens', async () => {
  expect(await answers(join(folder, 'none.sock'))).toBe(false);
  expect(await answers(join(folder, 'none', 'none.sock'))).toBe(false);
});

describe.each([
  ['a folder that its group may write to', () => chmodSync(folder, 0o770), 'chmod go-w'],
  ['a folder that all may write to', () => chmodSync(folder, 0o777), 'chmod go-w'],
  [
    'a folder as /tmp is',
    () => chmodSync(folder, 0o1777),
    'replace its files: use a socket in another folder',
  ],
  ['a folder within one that all may write to', () => chmodSync(join(folder, '..'), 0o777), 'chmod go-w'],
  [
    'a link to the folder, in a folder as /tmp is,',
    () => {
      linked(join(folder, '..', 'link'));
      chmodSync(join(folder, '..'), 0o1777);
    },
    'is a link in a folder that other users can write to',
  ],
  [
    'a link that leads to itself',
    () => {
      symlinkSync('loop', join(folder, '..', 'loop'));
      path = join(folder, '..', 'loop', 'agentctl.sock');
    },
    /more than 40 links|ELOOP/,
  ],
  ...(root
    ? ([
        [
          'a folder within one of another user',
          () => chownSync(join(folder, '..'), stranger, stranger),
          'belongs to user 54321',
        ],
        [
          'a link of another user to the folder',
          () => {
            linked(join(folder, '..', 'link'));
            lchownSync(join(folder, '..', 'link'), stranger, stranger);
          },
          'belongs to user 54321',
        ],
        [
          'a link of another user to the folder, in a folder as /tmp is,',
          () => {
            linked(join(folder, '..', 'link'));
            lchownSync(join(folder, '..', 'link'), stranger, stranger);
            chmodSync(join(folder, '..'), 0o1777);
          },
          'belongs to user 54321',
        ],
        [
          'a link to a link of another user',
          () => {
            linked(join(folder, '..', 'theirs'));
            lchownSync(join(folder, '..', 'theirs'), stranger, stranger);
            symlinkSync('theirs', join(folder, '..', 'own'));
            path = join(folder, '..', 'own', 'agentctl.sock');
          },
          'belongs to user 54321',
        ],
        [
          'a socket that is a link over a link of another user',
          () => {
            linked(join(folder, '..', 'theirs'));
            lchownSync(join(folder, '..', 'theirs'), stranger, stranger);
            symlinkSync(path, join(folder, 'link'));
            path = join(folder, 'link');
          },
          'belongs to user 54321',
        ],
        ['a folder of another user', () => chownSync(folder, stranger, stranger), 'belongs to user 54321'],
        ['a socket of another user', () => chownSync(path, stranger, stranger), 'belongs to user 54321'],
        [
          'a link of another user',
          () => {
            symlinkSync(path, join(folder, 'link'));
            lchownSync(join(folder, 'link'), stranger, stranger);
            path = join(folder, 'link');
          },
          'belongs to user 54321',
        ],
        [
          'a link into a folder that all may write to',
          () => {
            chmodSync(folder, 0o777);
            const own = join(folder, '..', 'own.sock');
            symlinkSync(path, own);
            path = own;
          },
          'chmod go-w',
        ],
      ] as [string, () => void, string][]) // each has these three
    : []),
])('%s', (_, prepare, words) => {
  test('is not connected to, and the remedy is told', async () => {
    prepare();
    for (const told of await refusals()) expect(told).toMatch(words);
    expect(connections).toBe(0);
  });
});

test('a server makes no socket where others may write', async () => {
  listener.close();
  await once(listener, 'close');
  chmodSync(folder, 0o777);
  await expect(prepareSocket(path)).rejects.toThrow('chmod go-w');
  chmodSync(folder, 0o700);
  await prepareSocket(path);
});

test.skipIf(!root)('a server makes no socket in a folder that somebody else made for it', async () => {
  listener.close();
  await once(listener, 'close');
  chownSync(folder, stranger, stranger);
  await expect(prepareSocket(path)).rejects.toThrow('belongs to user 54321');
  expect(() => checkFolder(folder)).toThrow('belongs to user 54321');
});

test.skipIf(!root)('a server makes no socket over a link that somebody else made', async () => {
  listener.close();
  await once(listener, 'close');
  linked(join(folder, '..', 'link'));
  lchownSync(join(folder, '..', 'link'), stranger, stranger);
  await expect(prepareSocket(path)).rejects.toThrow('belongs to user 54321');
});

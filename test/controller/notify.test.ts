import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { kindInfo } from '../../src/api/kinds.ts';
import type { AnyObject, PolicySpec, Secret } from '../../src/api/objects.ts';
import { withDefaults } from '../../src/api/shape.ts';
import type { NewEvent } from '../../src/client/recorder.ts';
import { Notifier } from '../../src/controller/notify.ts';
import type { Author } from '../../src/plan/allow.ts';
import { type Clock, systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { ManualClock } from '../fakes/clock.ts';
import { until } from '../until.ts';

const about: AnyObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name: 'web',
    namespace: 'default',
    uid: 'u',
    resourceVersion: '1',
    creationTimestamp: '2026-03-02T10:00:00Z',
  },
};
const failed = { type: 'Warning', reason: 'Failed', message: 'It failed.' } as const;
const policy = (notify: object[]): PolicySpec =>
  withDefaults(kindInfo('Policy').schema.properties?.spec ?? {}, { notify }) as PolicySpec; // all else has defaults

const login: Secret = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { ...about.metadata, name: 'login' },
  type: 'Opaque',
  data: { token: Buffer.from('Bearer s3cret\n').toString('base64') },
};

const refused: NewEvent[] = [];
const notifierOf = (
  notify: object[],
  here: readonly string[] = ['default'],
  author: Author | undefined = undefined,
  clock: Clock = systemClock,
): Notifier => {
  const notifier: Notifier = new Notifier({
    policyOf: () => ({ spec: policy(notify), author }),
    mayRunHere: (namespace, by) => here.includes(namespace) && by === undefined,
    refused: (about, newEvent) => {
      refused.push(newEvent);
      notifier.notify(about, newEvent); // as an Event is
    },
    findInput: () => (_, name) => (name === 'login' ? login : undefined),
    host: 'here',
    clock,
    log: silentLog,
  });
  return notifier;
};
beforeEach(() => refused.splice(0));

test('a command gets the Event as JSON on its standard input, for the reasons that it names alone', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'agentctl-notify-'));
  const file = join(folder, 'told');
  const command = ['sh', '-c', `cat > ${file}.part && mv ${file}.part ${file}`];
  const notifier = notifierOf([{ name: 'n', reasons: ['Failed'], command }]);
  notifier.notify(about, { ...failed, reason: 'Ready' });
  notifier.notify(about, failed);
  await until(() => existsSync(file));
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
    ...failed,
    involvedObject: { name: 'web' },
  });
  rmSync(folder, { recursive: true });
});

test('a webhook gets it by POST, and one that fails or hangs holds up no other', async () => {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    if (request.url === '/hang') return;
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk;
    });
    request.on('end', () => {
      bodies.push(body);
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const url = (path: string): string => `http://127.0.0.1:${port}${path}`;
  const targets = [
    { name: 'hangs', reasons: ['*'], webhook: { url: url('/hang') } },
    { name: 'refuses', reasons: ['*'], webhook: { url: 'http://127.0.0.1:1/' } },
    { name: 'works', reasons: ['*'], webhook: { url: url('/ok') } },
  ];
  const notifier = notifierOf(targets);
  notifier.notify(about, failed);
  notifier.notify(about, failed);
  await until(() => bodies.length === 2);
  expect(JSON.parse(bodies[0] ?? '')).toMatchObject(failed);
  server.closeAllConnections();
  server.close();
});

test('a webhook that fails is asked again with backoff, a few times, and a command never', async () => {
  const clock = new ManualClock('2026-03-02T10:00:00Z');
  let asked = 0;
  const server = createServer((_, response) => {
    asked += 1;
    response.statusCode = asked < 3 ? 503 : 200;
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const folder = mkdtempSync(join(tmpdir(), 'agentctl-notify-'));
  const file = join(folder, 'told');
  const targets = [
    { name: 'web', reasons: ['*'], webhook: { url: `http://127.0.0.1:${port}/` } },
    { name: 'run', reasons: ['*'], command: ['sh', '-c', `echo told >> ${file}; exit 1`] },
  ];
  notifierOf(targets, ['default'], undefined, clock).notify(about, failed);
  for (const count of [1, 2]) {
    await until(() => asked === count && clock.waiting > 0);
    clock.advance(2_000);
  }
  await until(() => asked === 3);
  await until(() => existsSync(file));
  clock.advance(60_000);
  expect(asked).toBe(3);
  expect(readFileSync(file, 'utf8')).toBe('told\n');
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

test('a command is not run for a namespace whose processes no Runtime of this host takes', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'agentctl-notify-'));
  const file = join(folder, 'told');
  const targets = (name: string) => [{ name: 'n', reasons: ['*'], command: ['touch', `${file}-${name}`] }];
  notifierOf(targets('other'), ['other']).notify(about, failed);
  notifierOf(targets('own')).notify(about, failed);
  await until(() => existsSync(`${file}-own`));
  expect(existsSync(`${file}-other`)).toBe(false);
  expect(refused).toEqual([
    expect.objectContaining({ message: expect.stringContaining('no Runtime of this host lets') }),
  ]);
  rmSync(folder, { recursive: true });
});

test("a command of a policy with an author is not run as the controller's user, and an Event says so, once", async () => {
  const folder = mkdtempSync(join(tmpdir(), 'agentctl-notify-'));
  const file = join(folder, 'told');
  const targets = (name: string) => [{ name: 'n', reasons: ['*'], command: ['touch', `${file}-${name}`] }];
  const author = { name: 'token:edit', wrote: 'policy/alerts -n team' };
  notifierOf(targets('theirs'), ['default'], author).notify(about, failed);
  notifierOf(targets('own')).notify(about, failed);
  await until(() => existsSync(`${file}-own`));
  expect(existsSync(`${file}-theirs`)).toBe(false);
  expect(refused).toEqual([
    {
      type: 'Warning',
      reason: 'NotifyCommandNotAllowed',
      message: expect.stringMatching(
        /token:edit wrote policy\/alerts, .*agentctl annotate policy\/alerts -n team agentctl\.dev\/author-/,
      ),
    },
  ]);
  rmSync(folder, { recursive: true });
});

test('a notification says when it happened, to which agent and on which host, and a webhook gets its headers', async () => {
  const heard: { headers: IncomingHttpHeaders; body: string }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk;
    });
    request.on('end', () => {
      heard.push({ headers: request.headers, body });
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const headers = [
    { name: 'Authorization', secretKeyRef: { name: 'login', key: 'token' } },
    { name: 'X-From', value: 'agentctl' },
    { name: 'X-Absent', secretKeyRef: { name: 'none', key: 'token', optional: true } },
  ];
  const clock = new ManualClock('2026-03-02T10:00:00Z');
  const webhook = { url: `http://127.0.0.1:${port}`, headers };
  const notifier = notifierOf([{ name: 'n', reasons: ['Failed'], webhook }], ['default'], undefined, clock);
  const agent = { ...about, apiVersion: 'agentctl.dev/v1', kind: 'Agent' } as AnyObject; // no more of it is read
  notifier.notify(agent, failed);
  await until(() => heard.length === 1);
  expect(heard[0]?.headers).toMatchObject({ authorization: 'Bearer s3cret', 'x-from': 'agentctl' });
  expect(heard[0]?.headers).not.toHaveProperty('x-absent');
  expect(JSON.parse(heard[0]?.body ?? '')).toMatchObject({
    ...failed,
    time: '2026-03-02T10:00:00.000Z',
    agent: 'web',
    host: 'here',
  });
  server.close();
});

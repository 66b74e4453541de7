/** A Sync applies in the name of whoever wrote it. */

import { afterEach, beforeEach, expect, test } from 'vitest';
import { authorAnnotation, authorOf } from '../../../src/api/annotations.ts';
import type { Kind } from '../../../src/api/objects.ts';
import { agentYaml, Estate, policyYaml } from './estate.ts';

const source = { git: { url: 'https://git.example/fleet.git', branch: 'main' } };

let estate: Estate;
beforeEach(async () => {
  estate = await Estate.open();
});
afterEach(() => estate[Symbol.asyncDispose]());

const key = (name: string) => ({ namespace: 'default', name });
const author = async (kind: Kind, name: string): Promise<string | undefined> =>
  authorOf(await estate.house.user.get(kind, key(name)));

async function followByEdit(spec: object = {}): Promise<void> {
  await estate.house.user.create(
    'Sync',
    {
      apiVersion: 'agentctl.dev/v1',
      kind: 'Sync',
      metadata: { name: 'fleet' },
      spec: { source, jitter: 0, interval: '10s', ...spec },
    },
    { author: 'token:edit' },
  );
}

test('all that the Sync of a token applies has its author, and is not written again for that', async () => {
  const revision = estate.push({ 'web.yaml': agentYaml('web'), 'p.yaml': policyYaml('slow') });
  await followByEdit();
  await estate.applied(revision);
  expect([await author('Agent', 'web'), await author('Policy', 'slow')]).toEqual([
    'token:edit',
    'token:edit',
  ]);
  await estate.quiet();
  estate.wrote();
  await estate.pass(30_000);
  await estate.look();
  expect(estate.wrote().filter((write) => write.startsWith('apply'))).toEqual([]);
  expect(await estate.condition('InSync')).toMatch(/^True/);
});

test('what the Sync of an admin applies has none, until a token turns it to another source', async () => {
  const revision = estate.push({ 'web.yaml': agentYaml('web') });
  await estate.follow({ jitter: 0, interval: '10s' });
  await estate.applied(revision);
  expect(await author('Agent', 'web')).toBeUndefined();
  const body = { spec: { source: { git: { url: 'https://evil.example/x.git' } } } };
  await estate.house.user.patch('Sync', key('fleet'), { type: 'merge', body }, { author: 'token:edit' });
  expect(await author('Sync', 'fleet')).toBe('token:edit');
  await estate.applied(
    estate.push({ 'web.yaml': agentYaml('web', '  suspend: true\n'), 'new.yaml': agentYaml('new') }),
  );
  // Only whether it runs has changed of the one.
  expect([await author('Agent', 'web'), await author('Agent', 'new')]).toEqual([undefined, 'token:edit']);
});

test("an Agent of an admin that such a Sync changes is the token's", async () => {
  await estate.house.agent('web', { ends: 0 });
  expect(await author('Agent', 'web')).toBeUndefined();
  const revision = estate.push({ 'web.yaml': agentYaml('web') });
  await followByEdit();
  // The user applied the command: the Sync takes that over only when told to.
  await estate.house.user.patch('Sync', key('fleet'), {
    type: 'merge',
    body: { metadata: { annotations: { 'agentctl.dev/sync-requested': 'x force-conflicts' } } },
  });
  await estate.applied(revision);
  expect(await author('Agent', 'web')).toBe('token:edit');
});

test('a manifest that names an author changes nothing about it', async () => {
  const named = agentYaml('web').replace(
    'metadata: { name: web }',
    `metadata: { name: web, annotations: { ${authorAnnotation}: "agent:other" } }`,
  );
  await estate.follow({ jitter: 0, interval: '10s' });
  await estate.applied(estate.push({ 'web.yaml': named }));
  expect(await author('Agent', 'web')).toBeUndefined();
  await estate.quiet();
  estate.wrote();
  await estate.pass(30_000);
  expect(estate.wrote().filter((write) => write.startsWith('apply'))).toEqual([]);
});

test('a push cannot take the author off what a token wrote', async () => {
  await estate.house.user.create(
    'Policy',
    { apiVersion: 'agentctl.dev/v1', kind: 'Policy', metadata: { name: 'slow' }, spec: { priority: 1 } },
    { author: 'token:edit' },
  );
  await estate.follow({ jitter: 0, interval: '10s' });
  await estate.applied(estate.push({ 'p.yaml': policyYaml('slow') }));
  expect((await estate.house.user.get('Policy', key('slow'))).spec.priority).toBe(0);
  expect(await author('Policy', 'slow')).toBe('token:edit');
});

test('a push to the Sync of a token may bring no program for the user of the controller', async () => {
  await estate.house.user.create('Runtime', {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Runtime',
    metadata: { name: 'process' },
    spec: { driver: 'process' },
  });
  await followByEdit();
  const notify = '{ notify: [{ name: n, reasons: ["*"], command: [id] }] }';
  for (const [file, words] of [
    [
      agentYaml('web').replace('image: "test-image:1", ', ''),
      'spec.template.user: token:edit wrote sync/fleet',
    ],
    [policyYaml('p').replace('{ priority: 0 }', notify), 'runs on this host'],
  ] as const) {
    estate.push({ 'x.yaml': file });
    await estate.look();
    const told = await estate.condition('Ready');
    expect(told).toMatch(/^False NotAllowed/);
    expect(told).toContain(words);
  }
});

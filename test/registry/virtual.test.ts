import { describe, expect, test } from 'vitest';
import type { Kind } from '../../src/api/objects.ts';
import { LocalClient } from '../../src/client/local.ts';
import { withVirtual } from '../../src/registry/virtual-registry.ts';
import { ScriptedTalk } from '../fakes/talk.ts';
import { type Harness, harness } from './harness.ts';

interface House extends Harness {
  script: ScriptedTalk;
  virtual: LocalClient;
}

async function house(): Promise<House> {
  const all = await harness();
  const script = new ScriptedTalk();
  const registry = withVirtual(all.registry, script, all.clock);
  return { ...all, registry, script, virtual: new LocalClient(registry, 'test') };
}

const m = { namespace: 'default', name: 'm' };
const names = ({ items }: { items: { metadata: { name: string } }[] }): string[] =>
  items.map(({ metadata }) => metadata.name);

describe('a virtual kind', () => {
  test('is got, and listed the newest first', async () => {
    const { script, virtual } = await house();
    for (const name of ['a', 'b', 'c']) script.message(name);
    script.message('d', {}, 'other');
    expect((await virtual.get('Message', { namespace: 'default', name: 'b' })).spec.text).toBe('hi');
    await expect(virtual.get('Message', m)).rejects.toMatchObject({
      code: 'NotFound',
      message: 'messages.subresources.agentctl.dev "m" not found',
    });
    expect(names(await virtual.list('Message', { namespace: 'default' }))).toEqual(['c', 'b', 'a']);
    const all = await virtual.list('Message');
    expect(names(all)).toEqual(['d', 'c', 'b', 'a']);
    expect(all.metadata.resourceVersion).toBe(String(script.revision()));
    expect(names(await virtual.list('Approval'))).toEqual([]);
  });

  test('is listed by labels and by any field', async () => {
    const { script, virtual } = await house();
    script.message('a');
    script.message('b', { status: { state: 'Failed' } });
    const by = async (options: object): Promise<string[]> => names(await virtual.list('Message', options));
    expect(await by({ labelSelector: 'agentctl.dev/agent=web' })).toEqual(['b', 'a']);
    expect(await by({ labelSelector: 'agentctl.dev/agent=other' })).toEqual([]);
    expect(await by({ fieldSelector: 'status.state=Failed' })).toEqual(['b']);
    expect(await by({ fieldSelector: 'spec.agentRef.name=web,metadata.name!=b' })).toEqual(['a']);
    expect(script.askedFor).toEqual(new Map([['spec.agentRef.name', 'web']]));
    await expect(by({ labelSelector: '=' })).rejects.toMatchObject({ code: 'BadRequest' });
  });

  test('is listed in pages, which new and removed ones do not shift', async () => {
    const { script, virtual } = await house();
    for (const name of ['a', 'b', 'c', 'd', 'e']) script.message(name);
    const first = await virtual.list('Message', { limit: 2 });
    expect(names(first)).toEqual(['e', 'd']);
    script.message('f');
    script.remove('Message', 'd');
    const second = await virtual.list('Message', { limit: 2, continue: first.metadata.continue });
    expect(names(second)).toEqual(['c', 'b']);
    const last = await virtual.list('Message', { limit: 2, continue: second.metadata.continue });
    expect(names(last)).toEqual(['a']);
    expect(last.metadata).not.toHaveProperty('continue');
    const wrong = [{ uid: 'c' }, { createdAt: 1 }, { uid: 'c', createdAt: '1' }, { uid: 1, createdAt: 1 }];
    const tokens = wrong.map((page) => Buffer.from(JSON.stringify(page)).toString('base64url'));
    for (const token of ['x', 'e30', 'bnVsbA', ...tokens])
      await expect(virtual.list('Message', { continue: token })).rejects.toMatchObject({
        code: 'BadRequest',
      });
  });

  test.each([
    [
      'created',
      (client: LocalClient) => client.create('Message', { apiVersion: 'x', kind: 'Message', metadata: m }),
    ],
    ['patched', (client: LocalClient) => client.patch('Message', m, { type: 'merge', body: {} })],
    ['applied', (client: LocalClient) => client.patch('Message', m, { type: 'apply', body: {} })],
    [
      'scaled',
      (client: LocalClient) =>
        client.patch('Message', m, { type: 'merge', body: {} }, { subresource: 'scale' }),
    ],
    ['deleted', (client: LocalClient) => client.delete('Message', m)],
  ])('cannot be %s, and it is told what to do instead', async (_, write) => {
    const { script, virtual } = await house();
    script.message('m');
    await expect(write(virtual)).rejects.toMatchObject({
      code: 'MethodNotAllowed',
      message: expect.stringContaining('agentctl send'),
    });
    expect((await virtual.get('Message', m)).metadata.resourceVersion).toBe(String(script.revision()));
  });

  test('holds up no Namespace that is deleted', async () => {
    const { script, registry, virtual } = await house();
    await virtual.create('Namespace', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } });
    script.message('m', {}, 'team');
    await virtual.delete('Namespace', { name: 'team' });
    await registry.settled();
    await expect(virtual.get('Namespace', { name: 'team' })).rejects.toMatchObject({ code: 'NotFound' });
  });

  test('is not served where nobody has its objects', async () => {
    const { client } = await house();
    await expect(client.list('Message')).rejects.toMatchObject({ code: 'NotFound' });
    await expect(client.get('Message', m)).rejects.toMatchObject({ code: 'NotFound' });
  });
});

test('all other kinds are the registry’s', async () => {
  const { virtual } = await house();
  const metadata = { name: 'a', namespace: 'default' };
  const made = await virtual.create('ConfigMap', { apiVersion: 'v1', kind: 'ConfigMap', metadata });
  expect((await virtual.list('ConfigMap')).items).toEqual([made]);
  const controller = new AbortController();
  for await (const event of virtual.watch('ConfigMap', { signal: controller.signal })) {
    expect(event).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'a' } } });
    controller.abort();
  }
  await virtual.delete('ConfigMap' satisfies Kind, metadata);
});

import { describe, expect, test } from 'vitest';
import { useShell } from './support.ts';

const shell = useShell();

const at = (name: string) => ({ namespace: 'default', name });
const yaml = (name: string, value: string, fields = ''): string => `apiVersion: agentctl.dev/v1
kind: Agent
metadata: { name: ${name} }
spec:
  template: { command: [sleep, "60"], env: [{ name: V, value: "${value}" }] }
${fields}`;
const read = (name: string) => shell.server.client.get('Agent', at(name));
const apply = (stdin: string, ...flags: string[]) => shell.run(['apply', '-f', '-', ...flags], { stdin });

describe('apply takes over what was changed by', () => {
  test('scale', async () => {
    await apply(yaml('scaled', '1', '  replicas: 1\n'));
    await shell.run(['scale', 'scaled', '--replicas=2']);
    expect(await apply(yaml('scaled', '1', '  replicas: 3\n'))).toMatchObject({
      code: 0,
      out: 'agent.agentctl.dev/scaled configured\n',
    });
    const { metadata, spec } = await read('scaled');
    expect(spec.replicas).toBe(3);
    expect(metadata.managedFields?.map(({ operation }) => operation)).toEqual(['Apply']);
  });

  test('patch, and diff shows it as apply does it', async () => {
    await apply(yaml('patched', '1', '  minReady: 1s\n'));
    await shell.run(['patch', 'agent', 'patched', '-p', '{"spec":{"minReady":"9s"}}']);
    const file = shell.write('patched.yaml', yaml('patched', '1', '  minReady: 2s\n'));
    expect((await shell.run(['diff', '-f', file])).out).toContain('spec.minReady: "9s" -> "2s"');
    expect(await shell.run(['apply', '-f', file])).toMatchObject({ code: 0 });
    expect((await read('patched')).spec.minReady).toBe('2s');
  });

  test('edit', async () => {
    await apply(yaml('edited', '1'));
    const editor = shell.write('editor.sh', `sed -i 's/value: "1"/value: "2"/' "$1"\n`);
    await shell.run(['edit', 'agent', 'edited'], { environment: { KUBE_EDITOR: `sh ${editor}` } });
    expect((await read('edited')).spec.template.env).toEqual([{ name: 'V', value: '2' }]);
    expect(await apply(yaml('edited', '3'))).toMatchObject({ code: 0 });
    expect((await read('edited')).spec.template.env).toEqual([{ name: 'V', value: '3' }]);
  });

  test('create', async () => {
    const file = shell.write('created.yaml', yaml('created', '1'));
    await shell.run(['create', '-f', file]);
    expect(await apply(yaml('created', '2'))).toMatchObject({ code: 0 });
  });

  test('rollout undo', async () => {
    const { client, controller } = shell.server;
    await apply(yaml('undone', '1'));
    const first = await read('undone');
    const { apiVersion, kind, metadata } = first;
    await controller.create('Revision', {
      apiVersion,
      kind: 'Revision',
      metadata: {
        ...at('undone-1'),
        ownerReferences: [{ apiVersion, kind, name: metadata.name, uid: metadata.uid }],
      },
      revision: 1,
      data: { ...first.spec, policy: undefined, replicas: undefined, suspend: undefined },
    });
    await apply(yaml('undone', '2'));
    expect(await shell.run(['rollout', 'undo', 'undone'])).toMatchObject({ code: 0 });
    expect((await read('undone')).spec.template.env).toEqual([{ name: 'V', value: '1' }]);
    expect(await apply(yaml('undone', '3'))).toMatchObject({ code: 0 });
    expect((await client.get('Agent', at('undone'))).spec.template.env).toEqual([{ name: 'V', value: '3' }]);
  });

  test('autoRevert', async () => {
    await apply(yaml('reverted', '1'));
    const live = await read('reverted');
    const template = { ...live.spec.template, env: [{ name: 'V', value: '0' }] };
    await shell.server.controller.update('Agent', { ...live, spec: { ...live.spec, template } });
    expect(await apply(yaml('reverted', '2'))).toMatchObject({ code: 0 });
  });
});

describe('apply is still refused', () => {
  test('where kubectl changed the field, be it beside a verb of agentctl', async () => {
    await apply(yaml('theirs', '1', '  replicas: 1\n  minReady: 1s\n'));
    const body = { spec: { replicas: 5 } };
    const how = { fieldManager: 'kubectl-scale' };
    await shell.server.client.patch('Agent', at('theirs'), { type: 'merge', body }, how);
    await shell.run(['patch', 'agent', 'theirs', '-p', '{"spec":{"minReady":"9s"}}']);
    const { code, err } = await apply(yaml('theirs', '1', '  replicas: 1\n  minReady: 1s\n'));
    expect(code).toBe(1);
    expect(err).toContain('"kubectl-scale"');
    expect(err).toContain('nothing was changed');
    expect((await read('theirs')).spec).toMatchObject({ replicas: 5, minReady: '9s' });
  });

  test('where it is done in the name of another manager, which the verbs do not know', async () => {
    await apply(yaml('ci', '1', '  replicas: 1\n'), '--field-manager=ci');
    await shell.run(['scale', 'ci', '--replicas=2']);
    const { code, err } = await apply(yaml('ci', '1', '  replicas: 1\n'), '--field-manager=ci');
    expect(code).toBe(1);
    expect(err).toContain('conflict with "agentctl" using agentctl.dev/v1');
  });
});

test('a set in which some objects were changed so is told in its own order', async () => {
  const set = (value: string) =>
    ['a', 'b', 'c'].map((name) => yaml(`set-${name}`, value, '  replicas: 1\n')).join('---\n');
  await apply(set('1'));
  await shell.run(['scale', 'set-a', '--replicas=2']);
  expect((await apply(set('2'))).out).toBe(
    ['a', 'b', 'c'].map((name) => `agent.agentctl.dev/set-${name} configured\n`).join(''),
  );
});

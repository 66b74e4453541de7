import { describe, expect, test } from 'vitest';
import { UnreachableError } from '../../src/api/errors.ts';
import { golden, session, useShell } from './support.ts';
import { makeSync } from './sync-seed.ts';

const shell = useShell();

const agentYaml = (name: string, extra = ''): string => `apiVersion: agentctl.dev/v1
kind: Agent
metadata: { name: ${name} }
spec:
  template: { command: [sleep, "60"] }
${extra}`;
const policyYaml =
  'apiVersion: agentctl.dev/v1\nkind: Policy\nmetadata: { name: slow }\nspec: { mode: AlwaysOn }\n';
const set = (...documents: string[]): string => documents.join('---\n');
const version = async (name: string): Promise<string> =>
  (await shell.server.client.get('Agent', { namespace: 'default', name })).metadata.resourceVersion;

describe('apply', () => {
  test('creates, changes, and leaves alone what is so already', async () => {
    const file = shell.write('set.yaml', set(agentYaml('one'), policyYaml));
    expect((await shell.run(['apply', '-f', file])).out).toBe(
      'policy.agentctl.dev/slow created\nagent.agentctl.dev/one created\n',
    );
    const before = await version('one');
    expect((await shell.run(['apply', '-f', file])).out).toBe(
      'policy.agentctl.dev/slow unchanged\nagent.agentctl.dev/one unchanged\n',
    );
    expect(await version('one')).toBe(before);
    shell.write('set.yaml', set(agentYaml('one', '  replicas: 2\n'), policyYaml));
    expect((await shell.run(['apply', '-f', file])).out).toBe(
      'policy.agentctl.dev/slow unchanged\nagent.agentctl.dev/one configured\n',
    );
  });

  test('takes bare numbers for amounts, and calls an object unchanged where amounts are written otherwise', async () => {
    const limits = (cpu: string, memory: string) =>
      agentYaml('limited').replace(
        'command: [sleep, "60"]',
        `image: a, resources: { limits: { cpu: ${cpu}, memory: ${memory} } }`,
      );
    const apply = (stdin: string) => shell.run(['apply', '-f', '-'], { stdin });
    expect((await apply(limits('1', '1073741824'))).out).toBe('agent.agentctl.dev/limited created\n');
    expect((await apply(limits('1000m', '1Gi'))).out).toBe('agent.agentctl.dev/limited unchanged\n');
    const file = shell.write('limited.yaml', limits('1.0', '1024Mi'));
    expect(await shell.run(['diff', '-f', file])).toMatchObject({ code: 0, out: '' });
    expect((await apply(limits('2', '1Gi'))).out).toBe('agent.agentctl.dev/limited configured\n');
  });

  test('counts what was written, what was not, and what nobody knows, where the controller dies', async () => {
    const names = Array.from({ length: 60 }, (_, n) => `many-${n}`);
    const file = shell.write('many.yaml', set(...names.map((name) => agentYaml(name))));
    let writes = 0;
    const away = (code: string): UnreachableError =>
      new UnreachableError(code === 'ENOENT' ? 'no controller is running there' : 'the connection was lost', {
        cause: Object.assign(new Error(code), { code }),
      });
    const { out, err, code } = await shell.run(['apply', '-f', file], {
      through: (client) => ({
        ...client,
        async patch(kind, key, patch, options) {
          if (options?.dryRun === true) return client.patch(kind, key, patch, options);
          writes += 1;
          if (writes > 33) throw away('ENOENT');
          // The server has written it, and died before its answer.
          const answer = await client.patch(kind, key, patch, options);
          if (writes > 32) throw away('ECONNRESET');
          return answer;
        },
      }),
    });
    const told = out.trim().split('\n').length;
    const [, done, unknown, not] =
      /error: applied (\d+) of 60 objects; the result for (\d+) is unknown.*; (\d+) could not be applied/.exec(
        err,
      ) ?? [];
    expect(Number(done) + Number(unknown) + Number(not)).toBe(60);
    expect(Number(done)).toBe(told);
    expect(Number(not)).toBe(27);
    expect(err.split('\n')).toHaveLength(4);
    expect(code).toBe(1);
  });

  test('calls an object unchanged though its status moves', async () => {
    const file = shell.write('status.yaml', agentYaml('moving'));
    await shell.run(['apply', '-f', file]);
    const { client, controller } = shell.server;
    const made = await client.get('Agent', { namespace: 'default', name: 'moving' });
    await controller.update('Agent', { ...made, status: { phase: 'Ready' } }, { subresource: 'status' });
    expect((await shell.run(['apply', '-f', file])).out).toBe('agent.agentctl.dev/moving unchanged\n');
  });

  test('writes nothing of a set in which a document is wrong, and tells all that is', async () => {
    const file = shell.write(
      'wrong.yaml',
      set(agentYaml('good'), agentYaml('bad', '  replica: 2\n  suspend: maybe\n'), 'kind: Agnt\n'),
    );
    expect((await shell.run(['apply', '-f', file])).text).toMatchInlineSnapshot(`
      "$ agentctl apply -f ./wrong.yaml
      error: ./wrong.yaml:12:3: Agent/bad: spec.replica: unknown field; did you mean replicas?
      error: ./wrong.yaml:13:12: Agent/bad: spec.suspend: found "maybe", expected true or false
      error: ./wrong.yaml:15:1: apiVersion: is missing, expected a group and version such as agentctl.dev/v1
      [exit code 1]
      "
    `);
    expect(await shell.run(['get', 'agent', 'good'])).toMatchObject({ code: 1 });
  });

  test('writes nothing of a set in which the server refuses a document', async () => {
    const file = shell.write(
      'refused.yaml',
      set(agentYaml('fine'), agentYaml('lost').replace('name: lost', 'name: lost, namespace: nowhere')),
    );
    const { err, code } = await shell.run(['apply', '-f', file]);
    expect(code).toBe(1);
    expect(err).toContain('namespaces "nowhere" not found');
    expect(err).toContain('agentctl create namespace nowhere');
    expect(err).toContain('nothing was changed');
    expect(await shell.run(['get', 'agent', 'fine'])).toMatchObject({ code: 1 });
  });

  test('makes a namespace and what is in it in one go', async () => {
    const file = shell.write(
      'team.yaml',
      set(
        agentYaml('inside').replace('name: inside', 'name: inside, namespace: team'),
        'apiVersion: v1\nkind: Namespace\nmetadata: { name: team }\n',
      ),
    );
    expect((await shell.run(['apply', '-f', file])).out).toBe(
      'namespace/team created\nagent.agentctl.dev/inside created\n',
    );
  });

  test('tells a conflict and what takes the field over', async () => {
    const file = shell.write('mine.yaml', agentYaml('shared', '  replicas: 1\n'));
    await shell.run(['apply', '-f', file, '--field-manager=other']);
    shell.write('mine.yaml', agentYaml('shared', '  replicas: 3\n'));
    const refused = await shell.run(['apply', '-f', file]);
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.err).toContain('--force-conflicts');
    expect(await shell.run(['apply', '-f', file, '--force-conflicts'])).toMatchObject({ code: 0 });
  });

  test('changes a Secret that was created, by what create prints of it', async () => {
    const secret = ['create', 'secret', 'generic', 'changed', '--from-literal=a=2'];
    await shell.run(['create', 'secret', 'generic', 'changed', '--from-literal=a=1', '--from-literal=b=1']);
    const { out } = await shell.run([...secret, '--dry-run=client', '-o', 'yaml']);
    expect(await shell.run(['apply', '--force-conflicts', '-f', '-'], { stdin: out })).toMatchObject({
      code: 0,
    });
    const { data } = await shell.server.client.get('Secret', { namespace: 'default', name: 'changed' });
    expect(data).toEqual({ a: 'Mg==', b: 'MQ==' });
  });

  test('names the Sync whose field it is in a conflict, and only as long as there is one', async () => {
    await makeSync(shell.server, 'owner');
    const file = shell.write('followed.yaml', agentYaml('followed', '  replicas: 1\n'));
    await shell.run(['apply', '-f', file, '--field-manager=sync/default/owner']);
    shell.write('followed.yaml', agentYaml('followed', '  replicas: 3\n'));
    expect((await shell.run(['apply', '-f', file])).err).toContain('agentctl describe sync owner -n default');
    await shell.run(['delete', 'sync', 'owner']);
    const { err } = await shell.run(['apply', '-f', file]);
    expect(err).toContain('. --force-conflicts takes over these fields\n');
    expect(err).not.toContain('describe sync');
  });

  test('reads standard input, and folders with -R', async () => {
    expect((await shell.run(['apply', '-f', '-'], { stdin: agentYaml('piped') })).out).toBe(
      'agent.agentctl.dev/piped created\n',
    );
    expect((await shell.run(['apply', '-f', shell.folder, '--dry-run'])).code).toBe(1); // the wrong ones are in there
    expect((await shell.run(['apply', '-f', '-'])).err).toContain('is empty');
  });

  test('--wait takes an agent that sleeps until a message arrives for one that is up', async () => {
    const file = shell.write('sleepy.yaml', agentYaml('sleepy'));
    await shell.run(['apply', '-f', file]);
    const { client, controller } = shell.server;
    const made = await client.get('Agent', { namespace: 'default', name: 'sleepy' });
    const status = { observedGeneration: 1, phase: 'Asleep' };
    await controller.update('Agent', { ...made, status }, { subresource: 'status' });
    expect((await shell.run(['apply', '-f', file, '--wait'])).out).toContain(
      'agent.agentctl.dev/sleepy sleeps until a message arrives\n',
    );
  });

  test('a dry run writes nothing', async () => {
    const file = shell.write('dry.yaml', agentYaml('dry'));
    expect((await shell.run(['apply', '-f', file, '--dry-run=server'])).out).toBe(
      'agent.agentctl.dev/dry created (server dry run)\n',
    );
    expect((await shell.run(['apply', '-f', file, '--dry-run'])).out).toBe(
      'agent.agentctl.dev/dry created (dry run)\n',
    );
    expect(await shell.run(['get', 'agent', 'dry'])).toMatchObject({ code: 1 });
    await shell.run(['apply', '-f', file]);
    for (const [minReady, word] of [
      ['60s', 'configured'],
      ['1m', 'unchanged'],
      ['60s', 'unchanged'],
      ['2m', 'configured'],
    ]) {
      shell.write('dry.yaml', agentYaml('dry', `  minReady: ${minReady}\n`));
      expect((await shell.run(['apply', '-f', file, '--dry-run'])).out).toBe(
        `agent.agentctl.dev/dry ${word} (dry run)\n`,
      );
      if (minReady === '60s') await shell.run(['apply', '-f', file]);
    }
  });
});

describe('an apply set', () => {
  test('prunes its own members only, and never takes what is not its own', async () => {
    await shell.run(['apply', '-f', shell.write('stranger.yaml', agentYaml('stranger'))]);
    const file = shell.write('fleet.yaml', set(agentYaml('left'), agentYaml('right')));
    const apply = ['apply', '-f', file, '--prune', '--applyset=fleet'];
    expect((await shell.run(apply)).code).toBe(0);
    expect((await shell.run(apply)).out).toBe(
      'agent.agentctl.dev/left unchanged\nagent.agentctl.dev/right unchanged\n',
    );
    shell.write('fleet.yaml', agentYaml('left'));
    expect((await shell.run([...apply, '--dry-run=server'])).out).toContain(
      'agent.agentctl.dev/right pruned (server dry run)\n',
    );
    expect((await shell.run(apply)).out).toBe(
      'agent.agentctl.dev/left unchanged\nagent.agentctl.dev/right pruned\n',
    );
    expect(await shell.run(['get', 'agent', 'stranger'])).toMatchObject({ code: 0 });
    shell.write('fleet.yaml', policyYaml.replace('slow', 'last'));
    expect((await shell.run(apply)).out).toContain('agent.agentctl.dev/left pruned\n'); // the last of its kind too
  });
  test('refuses a parent that is no apply set', async () => {
    await shell.run(['create', 'secret', 'generic', 'plain', '--from-literal=a=b']);
    const file = shell.write('some.yaml', agentYaml('some'));
    const { err, code } = await shell.run(['apply', '-f', file, '--prune', '--applyset=plain']);
    expect(code).toBe(1);
    expect(err).toContain('secret/plain exists and is not an apply set');
    expect(await shell.run(['apply', '-f', file, '--prune'])).toMatchObject({ code: 64 });
  });
});

describe('diff', () => {
  test('tells field by field what differs and what restarts, and masks secrets', async () => {
    const secret =
      'apiVersion: v1\nkind: Secret\nmetadata: { name: key }\nstringData: { token: first-sesame }\n';
    const file = shell.write('diff.yaml', set(secret, agentYaml('apart')));
    const fresh = await shell.run(['diff', '-f', file]);
    await shell.run(['apply', '-f', file]);
    const same = await shell.run(['diff', '-f', file]);
    shell.write(
      'diff.yaml',
      set(secret.replace('first', 'second'), agentYaml('apart', '  minReady: 5s\n').replace('"60"', '"90"')),
    );
    const changed = await shell.run(['diff', '-f', file]);
    expect([fresh.code, same.code, changed.code]).toEqual([1, 0, 1]);
    expect(`${fresh.text}${changed.text}`).not.toContain('sesame');
    await expect(`${fresh.text}\n${same.text}\n${changed.text}`).toMatchFileSnapshot(golden('diff'));
  });
  test('ends with more than 1 where it fails', async () => {
    expect(await shell.run(['diff', '-f', 'nowhere.yaml'])).toMatchObject({ code: 2 });
    expect(await shell.run(['diff'])).toMatchObject({ code: 64 });
  });
});

test('validate warns of a restart limit that is never reached, with the figure', async () => {
  const policy = 'policy: { restart: { maxRestarts: 5, window: 20s }, backoff: { schedule: [5s] } }';
  const file = shell.write('endless.yaml', agentYaml('endless').replace('spec:', `spec:\n  ${policy}`));
  const { code, err } = await shell.run(['validate', '-f', file]);
  expect({ code, err }).toEqual({
    code: 0,
    err: expect.stringMatching(
      /^Warning: .*endless: spec\.policy\.restart: maxRestarts 5 .* take at least 25s\./,
    ),
  });
});

test('an exported manifest is taken again after a change of the object, with a warning', async () => {
  const made = shell.write('exported-from.yaml', agentYaml('exported'));
  await shell.run(['apply', '-f', made]);
  const exported = shell.write(
    'exported.yaml',
    (await shell.run(['get', 'agent', 'exported', '-o', 'yaml'])).out,
  );
  await shell.run(['label', 'agent/exported', 'a=b']);
  const warning =
    /^Warning: .*exported\.yaml:\d+:\d+: Agent\/exported: metadata\..*resourceVersion.* set by the server/;
  for (const verb of ['validate', 'diff', 'apply'])
    expect(await shell.run([verb, '-f', exported])).toMatchObject({
      code: 0,
      err: expect.stringMatching(warning),
    });
});

test('validate, init and create', async () => {
  const { out } = await shell.run(['init', '--stdout']);
  expect((await shell.run(['validate', '-f', '-'], { stdin: out })).out).toBe(
    'agent.agentctl.dev/hello valid\n',
  );
  const file = `${shell.folder}/agents.yaml`;
  expect(await shell.run(['init', file])).toMatchObject({ code: 0 });
  expect(await shell.run(['init', file])).toMatchObject({ code: 1 });
  const env = shell.write('values.env', '# a comment\nTOKEN=a=b\n\nPLAIN=x\n');
  const text = await session(shell, [
    ['create', 'secret', 'generic', 'model', '--from-literal=API_KEY=sesame', `--from-env-file=${env}`],
    ['describe', 'secret', 'model', '--no-show-events'],
    ['create', 'secret', 'generic', 'model', '--from-literal=API_KEY=sesame'],
    ['create', 'secret', 'generic', 'model', '--from-literal=sesame'],
    ['create', 'configmap', 'settings', '--from-literal=a=b', '--dry-run', '-o', 'yaml'],
    ['create', 'configmap', 'Settings', '--from-literal=a=b'],
    ['create', 'namespace', 'lab'],
  ]);
  await expect(text).toMatchFileSnapshot(golden('create'));
  const latin1 = shell.write('latin1.env', Buffer.from('A=b\nKEY=caf\xe9\n', 'latin1'));
  expect(
    await shell.run(['create', 'secret', 'generic', 'other', `--from-env-file=${latin1}`]),
  ).toMatchObject({ code: 1, err: expect.stringMatching(/latin1\.env:2: expected text in UTF-8/) });
  expect(text.replaceAll(/--from-literal=\S+/g, '')).not.toContain('sesame');
});

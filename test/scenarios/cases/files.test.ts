/** Manifests as people write, export, move and leave out: stories of files, with the built command line. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Agent, Sync } from '../../../src/api/objects.ts';
import { eventually, Session } from '../support.ts';

let session: Session;
let root: string;
let number = 0;
let folder: string;
beforeAll(() => {
  session = new Session({ DOCKER_HOST: 'unix:///nowhere' });
  root = mkdtempSync(join(tmpdir(), 'agentctl-files-'));
});
beforeEach(() => {
  folder = join(root, String(number++));
  mkdirSync(folder);
});
afterAll(async () => {
  await session.end();
  rmSync(root, { recursive: true, force: true });
});

function put(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

const agent = (name: string, spec = ''): string =>
  `apiVersion: agentctl.dev/v1\nkind: Agent\nmetadata: {name: ${name}}\nspec:\n  minReady: 0s\n${spec}  template: {command: [sleep, "100000"]}\n`;
const configMap = (name: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: {k: x}\n`;
const sync = (name: string, source: object): string =>
  JSON.stringify({
    apiVersion: 'agentctl.dev/v1',
    kind: 'Sync',
    metadata: { name },
    spec: { interval: '1h', maxPrunePercent: 100, source },
  });
const syncOf = (name: string): Promise<Sync> => session.json<Sync>(`get sync ${name}`);
const agentOf = (name: string): Promise<Agent> => session.json<Agent>(`get agent ${name}`);

/** A repository at the folder, with all that is in it committed at each call. */
function commit(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', [
      '-C',
      folder,
      '-c',
      'user.name=t',
      '-c',
      'user.email=t@example.com',
      ...args,
    ]).toString();
  if (!existsSync(join(folder, '.git'))) git('init', '-q', '-b', 'main');
  git('add', '-A');
  git('commit', '-qm', 'a change');
  return `file://${folder}`;
}

test('an exported manifest can be applied and followed, whatever becomes of the object', async () => {
  await session.apply(agent('exported'));
  const file = put('exported.yaml', await session.ok('get agent exported -o yaml'));
  await session.ok('label agent/exported a=b');
  const applied = await session.run(['apply', '-f', file]);
  expect(applied).toMatchObject({ code: 0, stderr: expect.stringContaining('metadata.resourceVersion') });
  await session.apply(sync('exported', { git: { url: commit() } }));
  await session.ok('sync exported --force-conflicts');
  await session.ok('scale agent/exported --replicas=3');
  await eventually(
    () => agentOf('exported'),
    ({ spec }) => spec.replicas === 1,
  );
  await session.ok('delete agent exported');
  await session.ok('sync exported');
  expect((await agentOf('exported')).spec.replicas).toBe(1);
});

describe.each(['git', 'directory'] as const)('two Syncs of a %s each', (source) => {
  test('an agent whose manifest moves from one to the other runs on', async () => {
    const [name, one, two] = [`mover-${source}`, `${source}-one`, `${source}-two`];
    put('one/m.yaml', agent(name));
    put('one/keep.yaml', configMap(one));
    put('two/keep.yaml', configMap(two));
    const url = source === 'git' ? commit() : '';
    const sourceOf = (path: string): object =>
      source === 'git' ? { git: { url, path } } : { directory: { path: join(folder, path) } };
    await session.apply(sync(one, sourceOf('one')));
    await session.apply(sync(two, sourceOf('two')));
    await session.ok(`sync ${one}`);
    await session.ok(`wait agent/${name} --for=condition=Ready --timeout=60s`);
    const { uid } = (await agentOf(name)).metadata;
    renameSync(join(folder, 'one/m.yaml'), join(folder, 'two/m.yaml'));
    if (source === 'git') {
      commit();
      await session.ok(`sync ${one}`);
    }
    const inventory = async (of: string): Promise<string[]> =>
      ((await syncOf(of)).status?.inventory ?? []).map((entry) => entry.name).sort();
    await eventually(
      async () => [await inventory(one), await inventory(two)],
      (names) => names.join(' ') === `${one} ${two},${name}`,
    );
    const after = await agentOf(name);
    expect(after.metadata.uid).toBe(uid);
    expect(after.metadata.annotations).toMatchObject({ 'agentctl.dev/sync': `default/${two}` });
    expect(after.status?.restartCount ?? 0).toBe(0);
  });
});

test('a Sync leaves out a folder as git does, and tells a pattern that matches nothing', async () => {
  put('a.yaml', configMap('left-a'));
  put('old/o.yaml', configMap('left-old'));
  await session.apply(sync('left', { directory: { path: folder, ignore: ['old/', 'odl'] } }));
  expect(await session.ok('sync left')).toContain('Warning: ignore: "odl" matches nothing');
  expect((await syncOf('left')).status?.inventory?.map(({ name }) => name)).toEqual(['left-a']);
});

test('apply -R reads what a Sync reads, and tells what it passes over', async () => {
  put('a.yaml', configMap('read-a'));
  put('._a.yaml', '\0');
  put('.github/workflows/ci.yml', 'on: push\n');
  symlinkSync('me@host.1:2', join(folder, '.#a.yaml'));
  const elsewhere = join(root, 'elsewhere');
  mkdirSync(elsewhere);
  writeFileSync(join(elsewhere, 's.yaml'), configMap('read-s'));
  symlinkSync(elsewhere, join(folder, 'shared'));
  expect(await session.run(['validate', '-R', '-f', folder])).toMatchObject({
    code: 0,
    stdout: 'configmap/read-a valid\nconfigmap/read-s valid\n',
    stderr: expect.stringContaining('Note: skipped'),
  });
});

test('a hint quotes the value as it stands in the file', async () => {
  const file = put('a.yaml', `${configMap('quoted').replace('k: x', 'build: 007, id: 1234567890123456789')}`);
  const { code, stderr } = await session.run(['validate', '-f', file]);
  expect(code).toBe(1);
  for (const text of ['"007"', '"1234567890123456789"'])
    expect(stderr).toContain(`put it in quotes, ${text}`);
});

test('an env file that is not UTF-8 is refused at its line', async () => {
  const file = join(folder, 'latin1.env');
  writeFileSync(file, Buffer.from('A=b\nKEY=caf\xe9\n', 'latin1'));
  const args = ['create', 'secret', 'generic', 'bytes', `--from-env-file=${file}`, '--dry-run=client'];
  expect(await session.run(args)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('latin1.env:2:'),
  });
});

test('cron lines are read as Vixie cron reads them, and every so often comes beside them', async () => {
  const schedule = [
    '  protocol: jsonl',
    '  policy: {mode: OnDemand}',
    '  schedule:',
    '    - {name: step, cron: "0 9 */10 * 1", message: x}',
    '    - {name: doubled, cron: "0 9,9 * * 0,7", message: x}',
    '    - {name: macro, cron: "@daily", message: x}',
    '    - {name: often, every: 10h, message: x}',
    '',
  ].join('\n');
  await session.apply(agent('clock', schedule).replace('[sleep, "100000"]', '[cat]'));
  const found: { at: number; message: string }[] = JSON.parse(
    await session.ok('forecast clock --until=1500h -o json'),
  );
  const days = (name: string): Date[] =>
    found.filter(({ message }) => message.includes(` ${name} `)).map(({ at }) => new Date(at));
  for (const day of days('step')) expect([day.getUTCDay(), day.getUTCDate() % 10]).toEqual([1, 1]);
  for (const day of days('doubled')) expect([day.getUTCDay(), day.getUTCHours()]).toEqual([0, 9]);
  expect(days('doubled').length).toBeGreaterThan(7);
  expect(days('macro').every((day) => day.getUTCHours() === 0)).toBe(true);
  expect(days('often').length).toBeGreaterThan(100);
});

test('variables are expanded in command and env as in Kubernetes', async () => {
  const run = JSON.stringify('echo "$1 $2 $3"; exec sleep 1000');
  const template = `command: [sh, -c, ${run}, sh], args: [$(GREETING), $$(GREETING), $(NONE)], env: [{name: WHO, value: $(AGENTCTL_AGENT)}, {name: GREETING, value: "hello-$(WHO)"}]`;
  const text = agent('vars').replace('command: [sleep, "100000"]', () => template);
  await session.ok(`apply --wait -f ${put('vars.yaml', text)}`);
  await eventually(
    () => session.ok('logs agent/vars'),
    (log) => log.includes('hello-vars $(GREETING) $(NONE)'),
  );
});

/** Revisions that are not applied: what is told, and what stays. */
import { describe, expect, test } from 'vitest';
import { agentYaml, Estate, policyYaml } from './estate.ts';

const applied = (spec: Parameters<typeof Estate.applying>[1] = {}): Promise<Estate> =>
  Estate.applying({ 'a.yaml': policyYaml('a', 1) }, spec);

const bad = 'apiVersion: agentctl.dev/v1\nkind: Policy\nmetadata: { name: b }\nspec:\n  priorty: 3\n';

describe('a revision with a wrong manifest', () => {
  test('is told with file, line, column and commit, in the condition and an Event, and changes nothing', async () => {
    await using estate = await applied();
    const first = estate.house.sources.revision;
    const revision = estate.push({ 'a.yaml': policyYaml('a', 2), 'agents/b.yaml': bad });
    await estate.look();
    const text = `main@${revision.slice(0, 12)}: agents/b.yaml:5:3: Policy/b: spec.priorty: unknown field; did you mean priority? main@${first.slice(0, 12)} remains applied.`;
    expect(await estate.condition('Ready')).toBe(`False InvalidManifests: ${text}`);
    expect(await estate.condition('Fetched')).toMatch(/^True/);
    expect(await estate.told()).toContainEqual(`InvalidManifests: ${text}`);
    const { status } = await estate.sync();
    expect(status).toMatchObject({ revision: first, attempted: { revision } });
    const policy = await estate.house.user.get('Policy', { namespace: 'default', name: 'a' });
    expect(policy.spec.priority).toBe(1);
    estate.wrote();
    const events = await estate.told();
    await estate.pass(600_000, 10_000);
    expect(estate.wrote()).toEqual([]);
    expect(await estate.told()).toEqual(events);
  });

  test('is refused where it holds more objects than one Sync may apply', async () => {
    await using estate = await applied();
    const one = (at: number): string =>
      `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c-${at}"}}`;
    estate.push({ 'all.json': Array.from({ length: 10_001 }, (_, at) => one(at)).join('\n') });
    await estate.look();
    expect(await estate.condition('Ready')).toMatch(
      /^False InvalidManifests: .*more than 10000 objects, the limit of a Sync: split them among several/,
    );
  });

  test('is over with the next good one, and with the last good one', async () => {
    await using estate = await applied();
    const first = estate.house.sources.revision;
    estate.push({ 'a.yaml': bad });
    await estate.look();
    estate.push({ 'a.yaml': policyYaml('a', 1) });
    expect((await estate.look()).status?.revision).toBe(first);
    expect(await estate.condition('Ready')).toMatch(/^True Synced/);
    estate.push({ 'a.yaml': bad });
    await estate.look();
    const next = estate.push({ 'a.yaml': policyYaml('a', 3) });
    expect((await estate.look()).status?.revision).toBe(next);
  });

  test('does not come to be applied by time, a restart or a suspend', async () => {
    await using estate = await applied();
    estate.push({ 'a.yaml': bad });
    await estate.look();
    await estate.house.restart();
    await estate.quiet();
    expect(await estate.condition('Ready')).toMatch(/^False InvalidManifests/);
    await estate.follow({ jitter: 0, interval: '10s', suspend: true });
    await estate.pass(20_000, 10_000);
    await estate.look();
    expect(await estate.condition('Ready')).toMatch(/^False InvalidManifests/);
    expect(await estate.names('Policy')).toEqual(['a']);
  });

  test('in five hundred places is told in a few', async () => {
    await using estate = await applied();
    const files = Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`f${at}.yaml`, bad]));
    estate.push(files);
    await estate.look();
    const text = await estate.condition('Ready');
    expect(text.length).toBeLessThan(2_000);
    expect(text).toMatch(/and 495 more/);
  });

  test('with a line without an end is told in a bounded text', async () => {
    await using estate = await applied();
    estate.push({
      'a.yaml': `apiVersion: agentctl.dev/v1\nkind: ${'x'.repeat(500_000)}\nmetadata: { name: a }\n`,
    });
    await estate.look();
    expect((await estate.condition('Ready')).length).toBeLessThan(5_000);
  });

  test('tells nothing of what stands in a Secret', async () => {
    await using estate = await applied();
    const secret = 'apiVersion: v1\nkind: Secret\nmetadata: { name: s }\n';
    estate.push({
      'a.yaml': `${secret}data: { token: "hunter2 hunter2" }\n`,
      'b.yaml': `${secret.replace('name: s', 'name: t')}stringData: { token: [hunter2] }\n`,
      'c.yaml': `${secret.replace('name: s', 'name: u')}stringData: { "bad key": hunter2 }\n`,
    });
    await estate.look();
    expect(await estate.condition('Ready')).toMatch(/^False InvalidManifests: .*a\.yaml.*b\.yaml.*c\.yaml/);
    expect(JSON.stringify([await estate.sync(), await estate.told()])).not.toContain('hunter2');
  });
});

describe('a revision is not applied either that', () => {
  const cases: [string, Record<string, string>, RegExp][] = [
    [
      'names an object in two files',
      { 'a.yaml': policyYaml('a'), 'z.yaml': policyYaml('a') },
      /^False InvalidManifests: .*z\.yaml:3:\d+: Policy\/a: metadata\.name: is defined twice, first in a\.yaml:1/,
    ],
    [
      'leaves the name to the server',
      { 'a.yaml': 'apiVersion: agentctl.dev/v1\nkind: Policy\nmetadata: { generateName: a- }\nspec: {}\n' },
      /^False InvalidManifests: .*a\.yaml:\d+:\d+: .*metadata\.name: is missing/,
    ],
    [
      'goes into another namespace',
      { 'a.yaml': policyYaml('a').replace('name: a', 'name: a, namespace: prod') },
      /^False NotAllowed: .*a\.yaml:3:\d+: Policy\/a: metadata\.namespace/,
    ],
    [
      'holds a kind that may not be',
      {
        'a.yaml':
          'apiVersion: agentctl.dev/v1\nkind: Runtime\nmetadata: { name: r }\nspec: { driver: process }\n',
      },
      /^False NotAllowed: .*a\.yaml:2:7: Runtime\/r: kind: Runtime is not allowed by spec\.allowedKinds/,
    ],
    [
      'mounts the host',
      {
        'a.yaml': agentYaml('a').replace(
          'command: [run]',
          'command: [run], volumes: [{name: v, hostPath: {path: /etc}}]',
        ),
      },
      /^False NotAllowed: .*a\.yaml:\d+:\d+: Agent\/a: spec: the Runtime engine does not support .*hostPath/,
    ],
    [
      'says that it has been approved',
      {
        'a.yaml': policyYaml('a').replace(
          'name: a',
          'name: a, annotations: {agentctl.dev/approved-revision: x}',
        ),
      },
      /^False NotAllowed: .*a\.yaml:3:\d+: Policy\/a: metadata\.annotations/,
    ],
  ];
  for (const [name, files, expected] of cases)
    test(name, async () => {
      await using estate = await applied();
      estate.push({ 'good.yaml': policyYaml('good'), ...files });
      await estate.look();
      expect(await estate.condition('Ready')).toMatch(expected);
      expect(await estate.names('Policy')).toEqual(['a']);
      expect(estate.wrote()).toEqual(['status fleet']);
    });
});

describe('what the server refuses', () => {
  test('is told with the place in the manifest, and nothing else of the revision is written', async () => {
    await using estate = await applied();
    const secret = (type: string) =>
      `apiVersion: v1\nkind: Secret\nmetadata: { name: s }\ntype: ${type}\nstringData: { token: hunter2 }\n`;
    estate.push({ 'a.yaml': policyYaml('a', 1), 's.yaml': secret('Opaque') });
    await estate.look();
    estate.push({ 'a.yaml': policyYaml('a', 2), 's.yaml': secret('example.org/other') });
    await estate.look();
    expect(await estate.condition('Ready')).toMatch(/^False Refused: .*s\.yaml:4:7: Secret\/s: type: /);
    const policy = await estate.house.user.get('Policy', { namespace: 'default', name: 'a' });
    expect(policy.spec.priority).toBe(1);
    expect(JSON.stringify(await estate.sync())).not.toContain('hunter2');
    await estate.house.user.delete('Secret', { namespace: 'default', name: 's' });
    await estate.pass(20_000, 10_000);
    expect(await estate.condition('Ready')).toMatch(/^True Synced/);
  });
});

describe('a Sync that allows less than before', () => {
  test('says so, look after look, and deletes nothing', async () => {
    await using estate = await applied();
    await estate.follow({ jitter: 0, interval: '10s', allowedKinds: ['Agent'] });
    await estate.pass(60_000, 10_000);
    expect(await estate.condition('Ready')).toMatch(/^False NotAllowed/);
    expect(await estate.names('Policy')).toEqual(['a']);
  });
});

describe('a Secret', () => {
  const source = {
    git: { url: 'https://git.example/fleet.git', secretRef: { name: 'creds' } },
  };
  test('that is missing is told, and is not missed any more as soon as it is made', async () => {
    await using estate = await Estate.open();
    const revision = estate.push({ 'a.yaml': policyYaml('a') });
    await estate.follow({ jitter: 0, interval: '1h', source });
    await estate.until(({ status }) => status?.failures === 1);
    expect(await estate.condition('Fetched')).toMatch(
      /^False SecretMissing: The Secret creds does not exist in the namespace default: create it with agentctl create secret/,
    );
    expect(estate.looks).toBe(0);
    await estate.house.user.create('Secret', {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'creds' },
      data: { username: 'bQ==', password: 'cA==' },
    });
    await estate.applied(revision);
    expect(estate.house.sources.made.at(-1)?.secret).toEqual({
      username: Buffer.from('m'),
      password: Buffer.from('p'),
    });
    expect(await estate.condition('Fetched')).toMatch(/^True Fetched/);
  });

  test('that changes makes another source, and one look', async () => {
    await using estate = await Estate.open();
    await estate.house.user.create('Secret', {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'creds' },
      data: {},
    });
    const revision = estate.push({ 'a.yaml': policyYaml('a') });
    await estate.follow({ jitter: 0, interval: '1h', source });
    await estate.applied(revision);
    await estate.quiet();
    const { looks } = estate;
    await estate.edit('Secret', 'creds', { data: { password: 'cA==' } });
    await estate.quiet();
    expect(estate.looks - looks).toBe(1);
    expect(estate.house.sources.made).toHaveLength(2);
    await estate.edit('Secret', 'creds', { metadata: { labels: { a: 'b' } } });
    await estate.quiet();
    expect(estate.looks - looks).toBe(1);
  });
});

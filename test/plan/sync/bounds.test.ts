/** What hostile manifests ask for, and what becomes of it. */
import { describe, expect, test } from 'vitest';
import { type JsonObject, pathText } from '../../../src/api/json.ts';
import { kindInfo } from '../../../src/api/kinds.ts';
import type { Kind, Runtime, Sync } from '../../../src/api/objects.ts';
import { withDefaults } from '../../../src/api/shape.ts';
import { unsupported } from '../../../src/drivers/driver-index.ts';
import { type Author, mayRunAsController } from '../../../src/plan/allow.ts';
import { type Bounds, outOfBounds } from '../../../src/plan/sync-bounds.ts';

const whole = <T>(kind: Kind, metadata: object, spec: object): T =>
  withDefaults(kindInfo(kind).schema, {
    apiVersion: kindInfo(kind).apiVersion,
    kind,
    metadata: { uid: 'u', resourceVersion: '1', creationTimestamp: '2026-03-02T10:00:00Z', ...metadata },
    spec,
  }) as T; // all that is required is there

const runtime = (name: string, spec: Partial<Runtime['spec']>): Runtime =>
  whole('Runtime', { name }, { driver: 'docker', ...spec });

const docker = runtime('docker', { allowHostPaths: ['/srv/shared'] });
const processes = runtime('process', { driver: 'process' });

interface Given {
  spec?: Partial<Sync['spec']>;
  runtimes?: Runtime[];
  /** Of the Sync. */
  author?: Author;
}

function bounds({ spec = {}, runtimes = [docker, processes], author }: Given = {}): Bounds {
  const source = { git: { url: 'https://git.example/fleet.git' } };
  return {
    sync: whole('Sync', { name: 'fleet', namespace: 'default' }, { source, ...spec }),
    runtimeOf: ({ runtimeRef, template }) => {
      const name = runtimeRef?.name ?? (template.image === undefined ? 'process' : 'docker');
      return runtimes.find(({ metadata }) => metadata.name === name);
    },
    mayRunHere: (namespace) =>
      runtimes.some(
        ({ spec }) =>
          spec.driver === 'process' &&
          spec.allowedNamespaces?.includes(namespace) !== false &&
          mayRunAsController(spec.allow, author),
      ),
    unsupported: ({ spec }, agent) => unsupported(spec, agent, author),
  };
}

/** What is told of a manifest, as `path: message`. */
function told(kind: Kind, object: JsonObject, given: Given = {}): string[] {
  const info = kindInfo(kind);
  const { metadata = {}, ...rest } = object;
  const manifest = {
    apiVersion: info.apiVersion,
    kind,
    metadata: { name: 'x', ...(metadata as object) }, // as the tests below have it
    ...rest,
  };
  return outOfBounds(info, manifest, bounds(given)).map(
    ({ path, message }) => `${pathText(path)}: ${message}`,
  );
}

const agent = (template: object, spec: object = {}): JsonObject => ({
  spec: { ...spec, template: { image: 'i', ...template } },
});
const hostPath = (path: string): object => ({ volumes: [{ name: 'v', hostPath: { path } }] });

describe('kinds', () => {
  test('of agents are taken by default, and no others', () => {
    const verdicts = (
      ['Agent', 'ConfigMap', 'Policy', 'Secret', 'Namespace', 'Runtime', 'Sync'] as const
    ).map((kind) => {
      const spec = kind === 'Agent' ? { template: { image: 'i' } } : {};
      return `${kind} ${told(kind, { spec }).length === 0}`;
    });
    expect(verdicts).toEqual([
      'Agent true',
      'ConfigMap true',
      'Policy true',
      'Secret true',
      'Namespace false',
      'Runtime false',
      'Sync false',
    ]);
  });

  test('that the controller writes are never taken', () => {
    const spec = {
      allowedKinds: ['Agent', 'ConfigMap', 'Namespace', 'Policy', 'Runtime', 'Secret', 'Sync'],
    } satisfies Partial<Sync['spec']>;
    for (const kind of ['Instance', 'Revision', 'Event'] as const)
      expect(told(kind, {}, { spec })).toEqual([
        expect.stringContaining('is not allowed by spec.allowedKinds'),
      ]);
  });

  test('that the spec names are all that is taken, and the message names them', () => {
    expect(told('Agent', agent({}), { spec: { allowedKinds: ['Policy'] } })).toEqual([
      'kind: Agent is not allowed by spec.allowedKinds of the Sync: Policy',
    ]);
    expect(told('Policy', { spec: {} }, { spec: { allowedKinds: [] } })).toEqual([
      'kind: Policy is not allowed by spec.allowedKinds of the Sync: none',
    ]);
    const allowed = { spec: { allowedKinds: ['Runtime', 'Namespace'] as Sync['spec']['allowedKinds'] } };
    expect(told('Runtime', { spec: { driver: 'docker' } }, allowed)).toEqual([]);
    expect(told('Namespace', {}, allowed)).toEqual([]);
  });
});

describe('the namespace', () => {
  test('is the one of the Sync, or the one that it names', () => {
    const inOther = { ...agent({}), metadata: { namespace: 'prod' } };
    expect(told('Agent', inOther)).toEqual([
      'metadata.namespace: found "prod", expected default, the namespace of the Sync',
    ]);
    expect(told('Agent', inOther, { spec: { targetNamespace: 'prod' } })).toEqual([]);
    expect(told('Agent', { ...agent({}), metadata: { namespace: 'default' } })).toEqual([]);
    expect(
      told(
        'Agent',
        { ...agent({}), metadata: { namespace: 'default' } },
        { spec: { targetNamespace: 'prod' } },
      ),
    ).toHaveLength(1);
    expect(told('Agent', { ...agent({}), metadata: { namespace: '' } })).toEqual([]);
  });
});

describe('paths of the host', () => {
  const cases: [string, boolean][] = [
    ['/srv/shared', true],
    ['/srv/shared/one', true],
    ['/srv/shared/../shared/one', true],
    ['/srv/sharedness', false],
    ['/srv/shared/../../etc', false],
    ['/', false],
    ['/etc', false],
    ['/var/run/docker.sock', false],
    ['srv/shared', false],
  ];
  for (const [path, taken] of cases)
    test(`${path} is ${taken ? 'taken' : 'refused'} where the Runtime allows /srv/shared`, () => {
      expect(told('Agent', agent(hostPath(path))).length === 0).toBe(taken);
    });

  test('are refused by a Runtime that allows none, and the Runtime is named', () => {
    const [text] = told('Agent', agent(hostPath('/srv')), { runtimes: [runtime('docker', {})] });
    expect(text).toMatch(/^spec: the Runtime docker does not support .*hostPath.*allowHostPaths \(none\)/);
  });

  test('are refused where there is no Runtime that could allow them', () => {
    expect(told('Agent', agent(hostPath('/srv/shared')), { runtimes: [] })).toEqual([
      'spec.template.volumes[0].hostPath: there is no Runtime that allows it',
    ]);
    expect(told('Agent', agent(hostPath('/srv/shared'), { runtimeRef: { name: 'gone' } }))).toHaveLength(1);
  });

  test('are those of the Runtime that the Agent names, not of the default one', () => {
    const strict = runtime('strict', {});
    const manifest = agent(hostPath('/srv/shared'), { runtimeRef: { name: 'strict' } });
    expect(told('Agent', manifest, { runtimes: [docker, strict] })).toHaveLength(1);
  });

  test('and all else that a process cannot be given are refused', () => {
    const manifest = { spec: { template: { command: ['sh'], ...hostPath('/srv/shared') } } };
    expect(told('Agent', manifest)).toEqual([
      expect.stringMatching(/^spec: the Runtime process does not support spec\.template\.volumes/),
    ]);
    expect(told('Agent', { spec: { template: { command: ['sh'] } } })).toEqual([]);
  });
});

describe('annotations', () => {
  for (const name of [
    'agentctl.dev/approved-revision',
    'agentctl.dev/sync-requested',
    'agentctl.dev/webhook-received',
    'agentctl.dev/sync',
    'agentctl.dev/sync-revision',
    'agentctl.dev/sync-path',
    'agentctl.dev/purge',
    'agentctl.dev/collect-orphans',
  ])
    test(`${name} is not for manifests`, () => {
      expect(told('Policy', { metadata: { annotations: { [name]: 'x' } }, spec: {} })).toEqual([
        `metadata.annotations[${name}]: is set by agentctl: remove it`,
      ]);
    });

  test('that protect from pruning, and those of others, are', () => {
    const annotations = { 'agentctl.dev/prune': 'disabled', 'example.org/team': 'blue' };
    expect(told('Policy', { metadata: { annotations }, spec: {} })).toEqual([]);
  });
});

describe('commands of notifications', () => {
  const notify = [{ name: 'n', command: ['sh', '-c', 'id'] }];
  const here = { notify };
  const elsewhere = runtime('process', { driver: 'process', allowedNamespaces: ['prod'] });

  test('run where processes of the namespace may', () => {
    expect(told('Policy', { spec: here })).toEqual([]);
    expect(
      told('Policy', { spec: here }, { runtimes: [elsewhere], spec: { targetNamespace: 'prod' } }),
    ).toEqual([]);
    expect(
      told('Policy', { spec: here }, { runtimes: [elsewhere, runtime('more', { driver: 'process' })] }),
    ).toEqual([]);
  });

  test('are refused where they may not, in a Policy and in an Agent', () => {
    expect(told('Policy', { spec: here }, { runtimes: [elsewhere] })).toEqual([
      expect.stringMatching(/^spec\.notify\[0\]\.command: runs on this host, and no Runtime/),
    ]);
    expect(told('Agent', agent({}, { policy: here }), { runtimes: [docker, elsewhere] })).toEqual([
      expect.stringMatching(/^spec\.policy\.notify\[0\]\.command: runs on this host/),
    ]);
  });

  test('are refused where there is no Runtime of processes at all', () => {
    expect(told('Policy', { spec: here }, { runtimes: [docker] })).toHaveLength(1);
  });

  test('that are webhooks are not commands', () => {
    const hook = { notify: [{ name: 'n', webhook: { url: 'https://example.org' } }] };
    expect(told('Policy', { spec: hook }, { runtimes: [] })).toEqual([]);
  });
});

describe('a Sync that is pushed', () => {
  const parent = { allowedKinds: ['Agent', 'Sync'] } satisfies Partial<Sync['spec']>;
  const git = { git: { url: 'https://git.example/other.git' } };
  const child = (spec: object, given: Partial<Sync['spec']> = {}) =>
    told(
      'Sync',
      { spec: { source: git, allowedKinds: ['Agent'], ...spec } },
      { spec: { ...parent, ...given } },
    );

  test('may do what the one that it comes from may', () => {
    expect(child({})).toEqual([]);
    expect(child({ targetNamespace: 'default' })).toEqual([]);
    expect(child({ allowedKinds: ['Agent', 'Sync'] })).toEqual([]);
  });

  test('may not hold more kinds, by default neither', () => {
    expect(child({ allowedKinds: ['Agent', 'Runtime'] })).toEqual([
      'spec.allowedKinds: Runtime: more than the Sync that it comes from allows',
    ]);
    const [text] = told('Sync', { spec: { source: git } }, { spec: parent });
    expect(text).toMatch(/^spec\.allowedKinds: ConfigMap, Policy, Secret: more than/);
  });

  test('may not go into another namespace', () => {
    expect(child({ targetNamespace: 'prod' })).toEqual([
      'spec.targetNamespace: found "prod", expected default, as in the Sync it comes from',
    ]);
    // Its own namespace is the one that the parent puts it into.
    expect(child({}, { targetNamespace: 'prod' })).toEqual([]);
    expect(child({ targetNamespace: 'default' }, { targetNamespace: 'prod' })).toHaveLength(1);
  });

  test('may not read folders of this host', () => {
    for (const source of [{ directory: { path: '/etc' } }, { git: { url: 'file:///srv/secret.git' } }])
      expect(child({ source }), JSON.stringify(source)).toEqual([
        'spec.source: a Sync from a repository cannot read folders of this host',
      ]);
  });
});

test('all that is wrong with a manifest is told at once', () => {
  const manifest = {
    metadata: { namespace: 'prod', annotations: { 'agentctl.dev/sync': 'x' } },
    ...agent(hostPath('/etc')),
  };
  expect(told('Agent', manifest)).toHaveLength(3);
});

test('a Sync with an author is bound as its author is', () => {
  const author = { name: 'token:edit', wrote: 'sync/fleet' };
  const here = { notify: [{ name: 'n', reasons: ['*'], command: ['id'] }] };
  const program = { spec: { template: { command: ['id'] } } };
  expect(told('Agent', program)).toEqual([]);
  expect(told('Agent', program, { author })).toEqual([
    expect.stringContaining('spec.template.user: token:edit wrote sync/fleet'),
  ]);
  expect(told('Policy', { spec: here })).toEqual([]);
  expect(told('Policy', { spec: here }, { author })).toHaveLength(1);
  const runtimes = [runtime('process', { driver: 'process', allow: { controllerUser: true } as never })]; // the rest has defaults
  expect(told('Agent', program, { author, runtimes })).toEqual([]);
  expect(told('Policy', { spec: here }, { author, runtimes })).toEqual([]);
});

test.each([
  ['privileged', { security: { privileged: true } }],
  ['capabilities', { security: { capabilities: { add: ['SYS_ADMIN'] } } }],
  ['the network of the host', { network: { mode: 'Host' } }],
  ['a network by name', { network: { name: 'host' } }],
  ['the network of another container', { network: { name: 'container:agentctl-team-a-victim-0' } }],
  ['a volume by name', { volumes: [{ name: 'v', named: { volumeName: 'team-a-victim-data' } }] }],
])('a push cannot take what the Runtime does not allow: %s', (_, template) => {
  expect(told('Agent', agent(template))).toEqual([
    expect.stringMatching(/^spec: the Runtime docker does not support spec\.template\./),
  ]);
});

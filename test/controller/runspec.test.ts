import { describe, expect, test } from 'vitest';
import { kindInfo } from '../../src/api/kinds.ts';
import type { AgentSpec, ConfigMap, Instance, PolicySpec, Secret } from '../../src/api/objects.ts';
import { withDefaults } from '../../src/api/shape.ts';
import { type FindInput, Inputs, runSpec } from '../../src/controller/runspec.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const metadata = { name: 'n', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-03-02T10:00:00Z' };
const secret = (data: Record<string, string>): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  type: 'Opaque',
  metadata,
  data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, base64(value)])),
});
const configMap = (data: Record<string, string>): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata,
  data,
});

const inputs = new Map<string, Secret | ConfigMap>([
  ['Secret/keys', secret({ TOKEN: 'hunter2', OTHER: 'from the secret' })],
  ['ConfigMap/settings', configMap({ OTHER: 'from the map', COLOR: 'blue' })],
]);
const find: FindInput = (kind, name) => inputs.get(`${kind}/${name}`);

/** With every default of the schema. */
function specOf(template: object): AgentSpec {
  const { spec = {} } = kindInfo('Agent').schema.properties ?? {};
  return withDefaults(spec, { template }) as AgentSpec; // the schema's own defaults make it whole
}

const instance: Instance = {
  apiVersion: 'agentctl.dev/v1',
  kind: 'Instance',
  metadata: { ...metadata, name: 'web-2', namespace: 'team' },
  spec: { agentName: 'web', agentUID: 'a', ordinal: 2, runtimeRef: { name: 'engine' } },
};

const specFor = (template: object) =>
  runSpec({
    store: 's',
    controllerVersion: '1',
    instance,
    run: 4,
    revision: 'web-1',
    spec: specOf(template),
    stop: { signal: 'SIGINT', signalScope: 'Main', gracePeriod: '1m30s' } satisfies PolicySpec['stop'],
    find,
  });

describe('the environment of a run', () => {
  const own = {
    AGENTCTL_AGENT: 'web',
    AGENTCTL_INSTANCE: 'web-2',
    AGENTCTL_ORDINAL: '2',
    AGENTCTL_NAMESPACE: 'team',
    AGENTCTL_RUN: '4',
  };

  test.each<{ title: string; template: object; env: Record<string, string> }>([
    { title: 'tells it who it is', template: {}, env: {} },
    {
      title: 'takes what stands before a value into it, and leaves what is not known',
      template: {
        envFrom: [{ configMapRef: { name: 'settings' } }],
        env: [
          { name: 'A', value: '$(COLOR)/$(AGENTCTL_ORDINAL)' },
          { name: 'B', value: '$(A) $(LATER) $(date) $$(A) $$$(A) $A $(A' },
          { name: 'LATER', valueFrom: { secretKeyRef: { name: 'keys', key: 'TOKEN' } } },
          { name: 'C', value: '$(LATER)$' },
        ],
      },
      env: {
        OTHER: 'from the map',
        COLOR: 'blue',
        A: 'blue/2',
        B: 'blue/2 $(LATER) $(date) $(A) $blue/2 $A $(A',
        LATER: 'hunter2',
        C: 'hunter2$',
      },
    },
    {
      title: 'cannot be told otherwise',
      template: { env: [{ name: 'AGENTCTL_RUN', value: '9' }] },
      env: {},
    },
    {
      title: 'takes all of an envFrom, under its prefix; a later one counts',
      template: {
        envFrom: [
          { secretRef: { name: 'keys' } },
          { configMapRef: { name: 'settings' } },
          { prefix: 'X_', configMapRef: { name: 'settings' } },
        ],
      },
      env: {
        TOKEN: 'hunter2',
        OTHER: 'from the map',
        COLOR: 'blue',
        X_OTHER: 'from the map',
        X_COLOR: 'blue',
      },
    },
    {
      title: 'takes env over envFrom',
      template: {
        envFrom: [{ configMapRef: { name: 'settings' } }],
        env: [
          { name: 'COLOR', value: 'red' },
          { name: 'OTHER', valueFrom: { secretKeyRef: { name: 'keys', key: 'OTHER' } } },
        ],
      },
      env: { COLOR: 'red', OTHER: 'from the secret' },
    },
    {
      title: 'leaves out what is optional and missing, and keeps a name without a value',
      template: {
        envFrom: [{ secretRef: { name: 'none', optional: true } }],
        env: [
          { name: 'GONE', valueFrom: { secretKeyRef: { name: 'none', key: 'k', optional: true } } },
          { name: 'LACKS', valueFrom: { configMapKeyRef: { name: 'settings', key: 'k', optional: true } } },
          { name: 'EMPTY' },
        ],
      },
      env: { EMPTY: '' },
    },
  ])('$title', ({ template, env }) => {
    expect(specFor(template).env).toEqual({ ...env, ...own });
  });
});

test('files come from the manifest, a Secret or a ConfigMap, with their mode; an optional one may be missing', () => {
  const { files } = specFor({
    files: [
      { path: '/a', content: 'here', mode: '0600' },
      { path: '/b', secretKeyRef: { name: 'keys', key: 'TOKEN' } },
      { path: '/c', configMapKeyRef: { name: 'settings', key: 'COLOR' } },
      { path: '/d', secretKeyRef: { name: 'none', key: 'k', optional: true } },
    ],
  });
  expect(files.map(({ path, content }) => [path, Buffer.from(content).toString()])).toEqual([
    ['/a', 'here'],
    ['/b', 'hunter2'],
    ['/c', 'blue'],
  ]);
  expect(files[0]?.mode).toBe(0o600);
});

test.each<{ title: string; volume: object; mount: object }>([
  {
    title: 'a host path',
    volume: { hostPath: { path: '/srv' } },
    mount: { type: 'Host', path: '/srv' },
  },
  {
    title: 'memory',
    volume: { tmpfs: { sizeLimit: '64Mi' } },
    mount: { type: 'Tmpfs', sizeBytes: 64 * 2 ** 20 },
  },
  {
    title: 'a volume that all instances share',
    volume: { named: { perInstance: false } },
    mount: { type: 'Volume', name: 'team_web_v', formerName: 'team-web-v' },
  },
  {
    title: 'a volume of its own',
    volume: { named: { perInstance: true } },
    mount: { type: 'Volume', name: 'team_web_v_2', formerName: 'team-web-v-2' },
  },
  {
    title: 'a volume of its own under a given name',
    volume: { named: { perInstance: true, volumeName: 'data' } },
    mount: { type: 'Volume', name: 'data-2' },
  },
  {
    title: 'a ConfigMap as a folder of files',
    volume: { configMap: { name: 'settings' } },
    mount: {
      type: 'Files',
      files: [
        { path: 'COLOR', content: Buffer.from('blue'), mode: 0o444 },
        { path: 'OTHER', content: Buffer.from('from the map'), mode: 0o444 },
      ],
    },
  },
  {
    title: 'an optional Secret that is missing as an empty folder',
    volume: { secret: { secretName: 'none', optional: true } },
    mount: { type: 'Files', files: [] },
  },
])('a mount can be $title', ({ volume, mount }) => {
  const { mounts } = specFor({
    volumes: [{ name: 'v', ...volume }],
    volumeMounts: [{ name: 'v', mountPath: '/v', readOnly: true }],
  });
  expect(mounts).toEqual([{ ...mount, mountPath: '/v', readOnly: true }]);
});

test('limits, user and stop are written out in plain units', () => {
  const resources = {
    limits: { cpu: '500m', memory: '1Gi', pids: 50 },
    requests: { cpu: '250m', memory: '512Mi' },
  };
  const spec = specFor({ resources, user: '1000' });
  expect(spec).toMatchObject({
    limits: { cpu: 0.5, memory: 2 ** 30, pids: 50 },
    requests: { cpu: 0.25, memory: 2 ** 29 },
    user: '1000',
    stop: { signal: 'SIGINT', scope: 'Main', gracePeriodMs: 90_000 },
    identity: { namespace: 'team', agent: 'web', instance: 'web-2', ordinal: 2, run: 4, revision: 'web-1' },
  });
});

test('how much output is kept is written out in bytes, and an input is open where that is asked for', () => {
  expect(specFor({})).toMatchObject({ stdin: false, logs: { maxSize: 10 * 2 ** 20, maxFiles: 3 } });
  expect(specFor({ stdin: true, logs: { maxSize: '100k', maxFiles: 5 } })).toMatchObject({
    stdin: true,
    logs: { maxSize: 100_000, maxFiles: 5 },
  });
});

describe('what a World is told of Secrets and ConfigMaps', () => {
  const { template } = specOf({
    envFrom: [{ secretRef: { name: 'keys' } }, { secretRef: { name: 'none' } }],
    env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'settings', key: 'NONE' } } }],
  });
  const resolve = (key = 1, from: FindInput = find) =>
    new Inputs(new Uint8Array(32).fill(key)).resolve(template, from);

  test('is null for what is missing, and for a key that it lacks', () => {
    expect(resolve()).toEqual({
      'Secret/keys': expect.any(String),
      'Secret/none': null,
      'ConfigMap/settings': expect.any(String),
      'ConfigMap/settings#NONE': null,
    });
  });

  test('holds no value, nor anything that could be guessed without the key of this state folder', () => {
    const text = JSON.stringify(resolve());
    for (const value of ['hunter2', base64('hunter2')]) expect(text).not.toContain(value);
    expect(resolve(2)['Secret/keys']).not.toBe(resolve(1)['Secret/keys']);
  });

  test('changes with the data, and not with its order or with labels', () => {
    const of = (data: Secret): string | null | undefined =>
      resolve(1, (kind) => (kind === 'Secret' ? data : undefined))['Secret/keys'];
    const base = of(secret({ a: '1', b: '2' }));
    expect(of(secret({ b: '2', a: '1' }))).toBe(base);
    expect(of({ ...secret({ a: '1', b: '2' }), metadata: { ...metadata, labels: { x: 'y' } } })).toBe(base);
    expect(of(secret({ a: '1', b: '3' }))).not.toBe(base);
    expect(of(secret({ a: '12', b: '' }))).not.toBe(of(secret({ a: '1', b: '2' })));
  });
});

test('command and arguments take variables of the environment, as in Kubernetes', () => {
  const { command, args } = specFor({
    command: ['run', '$(AGENTCTL_AGENT)'],
    args: ['--port=$(PORT)', '$(NONE)', '$$(PORT)', 'echo $$$$ $PORT'],
    env: [{ name: 'PORT', value: '80$(AGENTCTL_ORDINAL)' }],
  });
  expect(command).toEqual(['run', 'web']);
  expect(args).toEqual(['--port=802', '$(NONE)', '$(PORT)', 'echo $$ $PORT']);
});

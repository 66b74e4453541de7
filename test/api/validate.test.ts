import { describe, expect, test } from 'vitest';
import { fieldErrorsToStatus, fieldErrorText } from '../../src/api/field-error.ts';
import { kindInfo } from '../../src/api/kinds.ts';
import type { Kind } from '../../src/api/objects.ts';
import { prune, unknownFields } from '../../src/api/shape.ts';
import { validateObject } from '../../src/api/validation.ts';
import { agent, core, policy, runtime, template, told } from './objects.ts';

const git = { url: 'https://git.example.com/fleet.git' };
const sync = (source: object, spec: object = {}): object => ({
  apiVersion: 'agentctl.dev/v1',
  kind: 'Sync',
  metadata: { name: 's' },
  spec: { source, ...spec },
});

describe('a right object', () => {
  test.each<[string, Kind, object]>([
    ['the smallest Agent', 'Agent', agent({})],
    ['an Agent with an image and no command', 'Agent', agent({ template: { image: 'busybox' } })],
    ['an empty Policy', 'Policy', policy({})],
    [
      'a Policy without a spec',
      'Policy',
      { apiVersion: 'agentctl.dev/v1', kind: 'Policy', metadata: { name: 'p' } },
    ],
    ['a Runtime', 'Runtime', runtime({ driver: 'docker', endpoint: 'unix:///run/docker.sock' })],
    ['a Secret', 'Secret', core('Secret', { data: { a: 'YQ==' }, stringData: { b: 'b' } })],
    ['generateName', 'Secret', { apiVersion: 'v1', kind: 'Secret', metadata: { generateName: 'x-' } }],
    [
      'nulls that Go clients send',
      'Agent',
      { ...agent({}, { name: 'a', creationTimestamp: null }), status: null },
    ],
    [
      'a zone by its old name',
      'Policy',
      policy({ scheduledRestart: { cron: '0 4 * * *', timezone: 'US/Eastern' } }),
    ],
    ['a leap day', 'Policy', policy({ scheduledRestart: { cron: '0 0 29 2 *' } })],
  ])('%s is valid', (_, kind, object) => {
    expect(told(kind, object)).toEqual([]);
  });
});

describe('what is wrong is told', () => {
  test.each<[string, Kind, object, string]>([
    ['a missing spec', 'Agent', { ...agent({}), spec: undefined }, 'spec: is missing, expected an object'],
    ['a wrong type', 'Agent', agent({ suspend: 'yes' }), 'spec.suspend: found "yes", expected true or false'],
    [
      'a list that is none',
      'Agent',
      template({ args: 'x' }),
      'spec.template.args: found "x", expected a list: [x]',
    ],
    [
      'a line for a list of words',
      'Agent',
      template({ command: 'sleep 100' }),
      'spec.template.command: found "sleep 100", expected a list: [sleep, "100"]',
    ],
    [
      'a number for a string',
      'Agent',
      template({ env: [{ name: 'A', value: 8080 }] }),
      'spec.template.env[0].value: found the number 8080, expected a string: put it in quotes, "8080"',
    ],
    [
      'a number for a length of time',
      'Agent',
      agent({ minReady: 60 }),
      'spec.minReady: found the number 60, expected a length of time such as 90s, 15m or 1h30m: 60s where these are seconds',
    ],
    [
      'the one number that is a length of time',
      'Agent',
      agent({ minReady: 0 }),
      'spec.minReady: found the number 0, expected a string: put it in quotes, "0"',
    ],
    [
      'true for a length of time',
      'Agent',
      agent({ minReady: true }),
      'spec.minReady: found the boolean true, expected a length of time such as 90s, 15m or 1h30m',
    ],
    [
      'a number for an absolute path',
      'Sync',
      sync({ directory: { path: 7 } }),
      'spec.source.directory.path: found the number 7, expected an absolute path',
    ],
    [
      'a name for an object in an object',
      'Sync',
      sync({ git: { ...git, verify: 'signers' } }),
      'spec.source.git.verify: found "signers", expected an object: { secretRef: { name: signers } }',
    ],
    [
      'a word that would be none in YAML',
      'Sync',
      sync({ git: { ...git, secretRef: 'yes' } }),
      'spec.source.git.secretRef: found "yes", expected an object: { name: "yes" }',
    ],
    [
      'a text that would not do in the object either',
      'Sync',
      sync({ directory: 'agents' }),
      'spec.source.directory: found "agents", expected an object with path',
    ],
    [
      'an entry that would not do in the list either',
      'Sync',
      sync({ git }, { allowedKinds: 'Message' }),
      'spec.allowedKinds: found "Message", expected a list',
    ],
    [
      'a misspelt word of an enum',
      'Policy',
      policy({ mode: 'alwaysOn' }),
      'spec.mode: found "alwaysOn", expected one of AlwaysOn, OnDemand; did you mean AlwaysOn?',
    ],
    [
      'a bad duration',
      'Agent',
      agent({ minReady: '5 seconds' }),
      'spec.minReady: found "5 seconds", expected a length of time such as 90s, 15m or 1h30m',
    ],
    [
      'a number out of range',
      'Agent',
      agent({ replicas: -1 }),
      'spec.replicas: found the number -1, expected a whole number from 0 to 1000',
    ],
    [
      'two of which one is allowed',
      'Agent',
      agent({ readiness: { exec: { command: ['a'] }, tcpSocket: { port: 1 } } }),
      'spec.readiness: found exec and tcpSocket, expected exactly one of exec, httpGet, tcpSocket, log',
    ],
    [
      'none of which one is needed',
      'Agent',
      template({ volumes: [{ name: 'v' }] }),
      'spec.template.volumes[0]: found none of them, expected exactly one of hostPath, named, tmpfs, secret, configMap',
    ],
    [
      'an empty backoff schedule',
      'Policy',
      policy({ backoff: { schedule: [] } }),
      'spec.backoff.schedule: found an empty list, expected a list of 1 to 100 entries',
    ],
    [
      'policy beside policyRef',
      'Agent',
      agent({ policy: {}, policyRef: { name: 'p' } }),
      'spec.policy: cannot be combined with policyRef; remove one of the two',
    ],
    [
      'no command and no image',
      'Agent',
      agent({ template: {} }),
      'spec.template.command: is missing, expected the program to run, or an image that has one',
    ],
    [
      'a mount of a volume that is not there',
      'Agent',
      template({ volumes: [{ name: 'data', tmpfs: {} }], volumeMounts: [{ name: 'date', mountPath: '/d' }] }),
      'spec.template.volumeMounts[0].name: found "date", expected one of data; did you mean data?',
    ],
    [
      'a variable that stands twice',
      'Agent',
      template({ env: [{ name: 'A' }, { name: 'B' }, { name: 'A' }] }),
      'spec.template.env[2]: duplicate name "A", first at [0]',
    ],
    [
      'value beside valueFrom',
      'Agent',
      template({ env: [{ name: 'A', value: 'x', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] }),
      'spec.template.env[0].value: cannot be combined with valueFrom; remove one of the two',
    ],
    [
      'a file outside of the working directory',
      'Agent',
      template({ files: [{ path: '../x', content: '' }] }),
      'spec.template.files[0].path: found "../x", expected a path without ".."',
    ],
    [
      'a relative file in a container',
      'Agent',
      template({ image: 'i', files: [{ path: 'x', content: '' }] }),
      'spec.template.files[0].path: found "x", expected an absolute path in the container',
    ],
    [
      'ports with no network',
      'Agent',
      template({ image: 'i', network: { mode: 'None', ports: [{ containerPort: 80 }] } }),
      'spec.template.network.ports: cannot be combined with mode None',
    ],
    [
      'a request for more than the limit, in another unit',
      'Agent',
      template({ resources: { limits: { cpu: '0.5' }, requests: { cpu: '501m' } } }),
      'spec.template.resources.requests.cpu: found "501m", expected no more than the limit, 0.5',
    ],
    [
      'a memory limit of nothing',
      'Agent',
      template({ resources: { limits: { memory: '0Mi' } } }),
      'spec.template.resources.limits.memory: found "0Mi", expected more than 0; omit it for no limit',
    ],
    [
      'a broken regular expression',
      'Agent',
      agent({ readiness: { log: { pattern: '(' } } }),
      'spec.readiness.log.pattern: found "(", expected a regular expression (RE2: without lookarounds and backreferences)',
    ],
    [
      'a probe that never waits',
      'Agent',
      agent({ liveness: { tcpSocket: { port: 1 }, period: '0s' } }),
      'spec.liveness.period: found "0s", expected more than 0',
    ],
    [
      'a path of a probe that cannot be sent',
      'Agent',
      agent({ readiness: { httpGet: { port: 1, path: '/a b' } } }),
      'spec.readiness.httpGet.path: found "/a b", expected a path that begins with "/", with spaces and special characters escaped, such as %20',
    ],
    [
      'a header of a probe that cannot be sent',
      'Agent',
      agent({ readiness: { httpGet: { port: 1, httpHeaders: [{ name: 'X-A', value: 'a\nb' }] } } }),
      'spec.readiness.httpGet.httpHeaders[0].value: found "a\\nb", expected text without line breaks and other control characters',
    ],
    [
      'four fields of cron',
      'Agent',
      agent({ policy: { scheduledRestart: { cron: '0 4 * *' } } }),
      'spec.policy.scheduledRestart.cron: found "0 4 * *", expected five fields (minute, hour, day of month, month, day of week), as in "0 4 * * *"; it has 4',
    ],
    [
      'a day that never comes',
      'Policy',
      policy({ scheduledRestart: { cron: '0 0 31 2 *' } }),
      'spec.scheduledRestart.cron: found "0 0 31 2 *", expected minute, hour, day of month, month, day of week, as in "0 4 * * *" (Invalid explicit day of month definition)',
    ],
    [
      'a misspelt time zone',
      'Policy',
      policy({ scheduledRestart: { cron: '0 4 * * *', timezone: 'Europe/Berlim' } }),
      'spec.scheduledRestart.timezone: found "Europe/Berlim", expected an IANA time zone, as in Europe/Berlin; did you mean Europe/Berlin?',
    ],
    [
      'an offset for a time zone',
      'Policy',
      policy({ scheduledRestart: { cron: '0 4 * * *', timezone: '+02:00' } }),
      'spec.scheduledRestart.timezone: found "+02:00", expected an IANA time zone, as in Europe/Berlin',
    ],
    [
      'an unknown stop signal',
      'Policy',
      policy({ stop: { signal: 'SIGTREM' } }),
      'spec.stop.signal: found "SIGTREM", expected a signal by name or number, such as SIGTERM, INT, SIGRTMIN+3 or 15',
    ],
    [
      'an endpoint for process',
      'Runtime',
      runtime({ driver: 'process', endpoint: 'unix:///x' }),
      'spec.endpoint: must not be set: the driver process runs on this host',
    ],
    [
      'a secret value that is no base64',
      'Secret',
      core('Secret', { data: { a: 'hello' } }),
      'data.a: is not base64; use stringData for plain text, or encode it with base64 -w0',
    ],
    [
      'a secret value that is a number, without telling it',
      'Secret',
      core('Secret', { stringData: { a: 4711 } }),
      'stringData.a: found a number, expected a string: put it in quotes',
    ],
    [
      'a secret that is no map, without telling it',
      'Secret',
      core('Secret', { data: 'hunter2' }),
      'data: found a string, expected an object',
    ],
    [
      'a minute by hash, which would be another one at each reading',
      'Policy',
      policy({ scheduledRestart: { cron: 'H 4 * * *' } }),
      'spec.scheduledRestart.cron: found "H 4 * * *", expected minute, hour, day of month, month, day of week, as in "0 4 * * *" (H is not supported)',
    ],
    [
      'a key that stands in data and binaryData',
      'ConfigMap',
      core('ConfigMap', { data: { a: '' }, binaryData: { a: '' } }),
      'binaryData.a: duplicate key, also in data; remove one of the two',
    ],
    [
      'a key with a slash',
      'ConfigMap',
      core('ConfigMap', { data: { 'a/b': '' } }),
      'data[a/b]: found "a/b", expected as a key at most 253 letters, digits, "-", "_" and "."; not "." alone, and not beginning with ".."',
    ],
    [
      'a name in upper case',
      'Agent',
      agent({}, { name: 'Ticker' }),
      'metadata.name: found "Ticker", expected at most 52 lower-case letters, digits and "-", with a letter or digit first and last',
    ],
    ['no name', 'Agent', agent({}, {}), 'metadata.name: is missing, expected a name, or generateName'],
    [
      'a namespace where there is none',
      'Runtime',
      { ...runtime({ driver: 'docker' }), metadata: { name: 'r', namespace: 'n' } },
      'metadata.namespace: must not be set: a Runtime has no namespace',
    ],
    [
      'a label value with a space',
      'Agent',
      agent({}, { name: 'a', labels: { app: 'a b' } }),
      'metadata.labels.app: found "a b", expected at most 63 letters, digits, "-", "_" and ".", with a letter or digit first and last, or nothing',
    ],
    [
      'a time that is none',
      'Instance',
      {
        apiVersion: 'agentctl.dev/v1',
        kind: 'Instance',
        metadata: { name: 'a-0' },
        spec: { agentName: 'a', agentUID: 'u', ordinal: 0, runtimeRef: { name: 'r' } },
        status: { readySince: '2026-02-30T00:00:00Z' },
      },
      'status.readySince: found "2026-02-30T00:00:00Z", expected an RFC 3339 time, such as 2026-01-31T12:00:00Z',
    ],
  ])('%s', (_, kind, object, text) => {
    expect(told(kind, JSON.parse(JSON.stringify(object)))).toEqual([text]);
  });

  test('all errors are told at once', () => {
    const errors = told('Agent', agent({ replicas: 'x', minReady: 1, suspend: 2 }, { name: 'A' }));
    expect(errors).toHaveLength(4);
  });
});

describe('unknown fields', () => {
  const info = kindInfo('Agent');
  const wrong = agent({ replica: 2, template: { command: ['x'], enviroment: [], env: [{ nam: 'A' }] } });

  test('are told with the nearest right name', () => {
    expect(unknownFields(info.schema, wrong).map(fieldErrorText)).toEqual([
      'spec.template.enviroment: unknown field; did you mean env?',
      'spec.template.env[0].nam: unknown field; did you mean name?',
      'spec.replica: unknown field; did you mean replicas?',
    ]);
  });

  test('are dropped by prune, together with nulls', () => {
    expect(prune(info.schema, agent({ x: 1, suspend: null, policy: { mode: 'OnDemand', y: 2 } }))).toEqual(
      agent({ policy: { mode: 'OnDemand' } }),
    );
  });

  test('are kept where the schema says so', () => {
    const revision = {
      apiVersion: 'agentctl.dev/v1',
      kind: 'Revision',
      metadata: { name: 'r' },
      revision: 1,
      data: { anything: { goes: null } },
    };
    expect(unknownFields(kindInfo('Revision').schema, revision)).toEqual([]);
    expect(prune(kindInfo('Revision').schema, revision)).toEqual(revision);
  });

  test('a field named like a method of every object is unknown too', () => {
    const object = JSON.parse('{"constructor":{},"__proto__":{},"toString":1}');
    expect(unknownFields(info.schema, object)).toHaveLength(3);
    expect(Object.keys(prune(info.schema, object) as object)).toEqual([]);
  });
});

test('the API error is a 422 with a cause for each field', () => {
  const info = kindInfo('Agent');
  const error = fieldErrorsToStatus(info, 'a', validateObject(info, agent({ suspend: 1, replicas: 1.5 })));
  expect(error.toStatus()).toMatchObject({
    code: 422,
    reason: 'Invalid',
    message: expect.stringMatching(/^Agent\.agentctl\.dev "a" is invalid: \[spec\./),
    details: {
      name: 'a',
      group: 'agentctl.dev',
      kind: 'Agent',
      causes: expect.arrayContaining([
        {
          reason: 'FieldValueTypeInvalid',
          field: 'spec.suspend',
          message: 'found the number 1, expected true or false',
        },
      ]),
    },
  });
});

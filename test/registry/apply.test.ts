import { describe, expect, test } from 'vitest';
import { ApiError } from '../../src/api/errors.ts';
import type { Agent, New } from '../../src/api/objects.ts';
import type { LocalClient } from '../../src/client/local.ts';
import { type FieldSet, members, pathText } from '../../src/registry/fieldset.ts';
import { harness } from './harness.ts';

const key = { namespace: 'default', name: 'a' };
const config = (spec: object, metadata: object = {}): New<Agent> => ({
  apiVersion: 'agentctl.dev/v1',
  kind: 'Agent',
  metadata: { name: 'a', ...metadata },
  spec: { template: { command: ['sleep', '60'] }, ...spec },
});

const apply = (client: LocalClient, body: object, options = {}): Promise<Agent> =>
  client.patch('Agent', key, { type: 'apply', body }, options);

/** `manager/operation[/subresource] at time` and what it owns. */
const owners = ({ metadata }: Agent): Record<string, string[]> =>
  Object.fromEntries(
    (metadata.managedFields ?? []).map(({ manager, operation, subresource, fieldsV1 }) => [
      [manager, operation, subresource].filter((part) => part !== undefined).join('/'),
      [...members(fieldsV1 as FieldSet)].map(pathText).sort(),
    ]),
  );

async function refused(promise: Promise<unknown>): Promise<ApiError> {
  const error = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(error instanceof ApiError)) throw new Error(`expected an ApiError, found ${String(error)}`);
  return error;
}

describe('managedFields', () => {
  test('hold what the applier said, no default and nothing of what the server sets', async () => {
    const { client } = await harness();
    const body = config(
      { template: { command: ['x'], env: [{ name: 'A', value: '1' }] } },
      { labels: { x: 'y' } },
    );
    const made = await apply(client, body);
    expect(made.metadata.managedFields).toEqual([
      {
        manager: 'test',
        operation: 'Apply',
        apiVersion: 'agentctl.dev/v1',
        time: '2026-03-01T12:00:00Z',
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:metadata': { 'f:labels': { 'f:x': {} } },
          'f:spec': {
            'f:template': {
              'f:command': {},
              'f:env': { 'k:{"name":"A"}': { '.': {}, 'f:name': {}, 'f:value': {} } },
            },
          },
        },
      },
    ]);
  });

  test('of a created object hold what was sent, without the defaults', async () => {
    const { client } = await harness();
    const made = await client.create('Agent', config({ replicas: 2 }));
    expect(owners(made)).toEqual({
      'test/Update': ['.spec', '.spec.replicas', '.spec.template', '.spec.template.command'],
    });
  });

  test('keep their time when the same is applied again, and get a new one with a change', async () => {
    const { client, clock } = await harness();
    const made = await apply(client, config({}));
    clock.advance(60_000);
    expect(await apply(client, config({}))).toEqual(made);
    const changed = await apply(client, config({ suspend: true }));
    expect(changed.metadata.managedFields?.[0]?.time).toBe('2026-03-01T12:01:00Z');
  });

  test('keep the time of managers that a write leaves as they are', async () => {
    const { client, as, clock } = await harness();
    await apply(client, config({}));
    clock.advance(60_000);
    const { metadata } = await apply(as('other'), config({ suspend: true }));
    expect(metadata.managedFields?.map(({ manager, time }) => [manager, time])).toEqual([
      ['test', '2026-03-01T12:00:00Z'],
      ['other', '2026-03-01T12:01:00Z'],
    ]);
  });

  test('tell the status from the rest by its subresource', async () => {
    const { client, as } = await harness();
    await apply(client, { ...config({}), status: { phase: 'Ready' } });
    const body = { status: { phase: 'Ready' } };
    const options = { subresource: 'status' } as const;
    const told = await as('controller').patch('Agent', key, { type: 'merge', body }, options);
    expect(owners(told)).toEqual({
      'test/Apply': ['.spec.template.command'],
      'controller/Update/status': ['.status', '.status.phase'],
    });
  });

  test('of an applied status are merged like any other', async () => {
    const { client, as } = await harness();
    await apply(client, config({}));
    const status = (phase: object) => ({ ...config({}), status: phase });
    const options = { subresource: 'status' };
    await apply(as('one'), status({ phase: 'Ready', reason: 'Because' }), options);
    const told = await apply(as('one'), status({ phase: 'Ready' }), options);
    expect(told.status).toEqual({ phase: 'Ready' });
    expect(owners(told)['one/Apply/status']).toEqual(['.status.phase']);
    const error = await refused(apply(as('two'), status({ phase: 'Failed' }), options));
    expect(error.message).toBe(
      'Apply failed with 1 conflict: conflict with "one" with subresource "status": .status.phase',
    );
  });

  test('of the scale subresource hold the replicas', async () => {
    const { client, as } = await harness();
    await apply(client, config({ replicas: 1 }));
    const patch = { type: 'merge', body: { spec: { replicas: 3 } } } as const;
    const scaled = await as('scaler').patch('Agent', key, patch, { subresource: 'scale' });
    expect(owners(scaled)).toEqual({
      'test/Apply': ['.spec.template.command'],
      'scaler/Update/scale': ['.spec.replicas'],
    });
    const error = await refused(apply(client, config({ replicas: 1 })));
    expect(error.message).toBe(
      'Apply failed with 1 conflict: conflict with "scaler" with subresource "scale" using agentctl.dev/v1 at 2026-03-01T12:00:00Z: .spec.replicas',
    );
  });

  test('are emptied by [{}], and what is there is then protected from the next applier', async () => {
    const { client, as } = await harness();
    await apply(client, config({ replicas: 2 }));
    const body = { metadata: { managedFields: [{}] } };
    const reset = await client.patch('Agent', key, { type: 'merge', body });
    expect(reset.metadata).not.toHaveProperty('managedFields');
    const error = await refused(apply(as('other'), config({ replicas: 3 })));
    expect(error.message).toContain(
      'conflict with "before-first-apply" using agentctl.dev/v1: .spec.replicas',
    );
    expect((await apply(as('other'), config({ replicas: 3 }), { force: true })).spec.replicas).toBe(3);
  });

  test('are not lost by a client that sends none of them', async () => {
    const { client } = await harness();
    const made = await apply(client, config({}));
    const { managedFields, ...metadata } = made.metadata;
    expect((await client.update('Agent', { ...made, metadata })).metadata.managedFields).toEqual(
      managedFields,
    );
  });

  test('of the oldest who updated become one when there are more than ten', async () => {
    const { client, as, clock } = await harness();
    await apply(client, config({}));
    for (let n = 1; n <= 12; n++) {
      clock.advance(1000);
      const body = { metadata: { annotations: { [`a${n}`]: 'x' } } };
      await as(`m${n}`).patch('Agent', key, { type: 'merge', body });
    }
    const found = owners(await client.get('Agent', key));
    expect(Object.keys(found)).toHaveLength(11);
    expect(found['ancient-changes/Update']).toEqual([
      '.metadata.annotations',
      '.metadata.annotations.a1',
      '.metadata.annotations.a2',
      '.metadata.annotations.a3',
    ]);
    expect(found).toHaveProperty('m12/Update');
  });

  test('come back as a client writes them itself', async () => {
    const { client } = await harness();
    const made = await apply(client, config({}));
    const managedFields = made.metadata.managedFields?.map((entry) => ({ ...entry, manager: 'renamed' }));
    const body = { metadata: { managedFields } };
    const renamed = await client.patch('Agent', key, { type: 'merge', body });
    expect(owners(renamed)).toEqual({ 'renamed/Apply': ['.spec.template.command'] });
  });
});

describe('an apply', () => {
  test('puts back the default of a field that is given up', async () => {
    const { client } = await harness();
    await apply(client, config({ replicas: 4, policy: { restart: { maxRestarts: 3 } } }));
    const less = await apply(client, config({}));
    expect(less.spec.replicas).toBe(1);
    expect(less.spec).not.toHaveProperty('policy');
  });

  test('of a default that was not said before makes it owned, and keeps the generation', async () => {
    const { client } = await harness();
    await apply(client, config({}));
    const said = await apply(client, config({ replicas: 1 }));
    expect(said.metadata.generation).toBe(1);
    expect(owners(said)['test/Apply']).toContain('.spec.replicas');
  });

  test('takes null for a field that is not set', async () => {
    const { client } = await harness();
    await apply(client, config({ replicas: 4, minReady: '2s' }));
    const less = await apply(client, config({ replicas: null, minReady: '2s' }));
    expect(less.spec).toMatchObject({ replicas: 1, minReady: '2s' });
    expect(owners(less)['test/Apply']).not.toContain('.spec.replicas');
  });

  test('of two managers shares a finalizer, a label and an env until the last one gives it up', async () => {
    const { as } = await harness();
    const both = config(
      { template: { command: ['x'], env: [{ name: 'A', value: '1' }] } },
      { labels: { x: 'y' }, finalizers: ['agentctl.dev/a'] },
    );
    const none = config({ template: { command: ['x'] } });
    await apply(as('one'), both);
    await apply(as('two'), both);
    const first = await apply(as('one'), none);
    expect(first.metadata).toMatchObject({ labels: { x: 'y' }, finalizers: ['agentctl.dev/a'] });
    expect(first.spec.template.env).toEqual([{ name: 'A', value: '1' }]);
    const second = await apply(as('two'), none);
    expect(second.metadata).not.toHaveProperty('labels');
    expect(second.metadata).not.toHaveProperty('finalizers');
    expect(second.spec.template).not.toHaveProperty('env');
  });

  test('of the same fields with another value conflicts with who else applied them', async () => {
    const { as } = await harness();
    const body = (mode: 'AlwaysOn' | 'OnDemand') => config({ policy: { mode } });
    for (const manager of ['one', 'other']) await apply(as(manager), body('AlwaysOn'));
    expect((await refused(apply(as('one'), body('OnDemand')))).details?.causes).toEqual([
      {
        reason: 'FieldManagerConflict',
        message: 'conflict with "other"',
        field: '.spec.policy.mode',
      },
    ]);
    const forced = await apply(as('one'), body('OnDemand'), { force: true });
    expect(forced.spec.policy?.mode).toBe('OnDemand');
    expect(owners(forced)['other/Apply']).not.toContain('.spec.policy.mode');
  });

  test('needs a field manager, and takes no managedFields', async () => {
    const { registry, client } = await harness();
    const patch = { type: 'apply', body: config({}) } as const;
    expect((await refused(registry.patch('Agent', key, patch))).message).toContain(
      'fieldManager: Required value',
    );
    const named = config({}, { managedFields: [{ manager: 'x' }] });
    expect((await refused(apply(client, named))).message).toBe('metadata.managedFields must be nil');
  });

  test('that names a uid or a resourceVersion means that object', async () => {
    const { client } = await harness();
    const gone = await refused(apply(client, config({}, { uid: 'x' })));
    expect(gone.message).toContain('uid mismatch: the provided object specified uid x');
    const made = await apply(client, config({}));
    const { uid, resourceVersion } = made.metadata;
    await apply(client, config({ suspend: true }, { uid, resourceVersion }));
    expect((await refused(apply(client, config({}, { resourceVersion })))).code).toBe('Conflict');
    expect((await refused(apply(client, config({}, { uid: 'x' })))).code).toBe('Conflict');
  });

  test('is validated as a whole after the merge', async () => {
    const { client, as } = await harness();
    await apply(client, config({ policyRef: { name: 'x' } }));
    const error = await refused(apply(as('other'), config({ policy: {} })));
    expect(error.code).toBe('Invalid');
  });

  test('refuses an item that stands twice', async () => {
    const { client } = await harness();
    const env = [
      { name: 'A', value: '1' },
      { name: 'A', value: '2' },
    ];
    const error = await refused(apply(client, config({ template: { command: ['x'], env } })));
    expect(error.details?.causes).toMatchObject([
      { reason: 'FieldValueDuplicate', field: 'spec.template.env[1]' },
    ]);
  });

  test('that comes twice at once makes one object', async () => {
    const { as } = await harness();
    const [one, two] = await Promise.all([
      apply(as('one'), config({})),
      apply(as('two'), config({ suspend: true })),
    ]);
    expect(one.metadata.uid).toBe(two.metadata.uid);
  });

  test('goes to the namespace that the object says, where the request says none', async () => {
    const { client, registry } = await harness();
    await client.create('Namespace', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } });
    const there = config({}, { namespace: 'team' });
    const options = { fieldManager: 'test' };
    const patch = { type: 'apply', body: there } as const;
    const made = await registry.patch('Agent', { name: 'a' }, patch, options);
    expect(await registry.patch('Agent', { name: 'a' }, patch, options)).toEqual(made);
    const updated = await registry.update('Agent', { name: 'a' }, { ...there, metadata: made.metadata });
    expect(updated.metadata.namespace).toBe('team');
  });

  test('tells whether it made the object', async () => {
    const { registry } = await harness();
    const told: string[] = [];
    const options = { fieldManager: 'test', onCreated: () => told.push('made') };
    const patch = { type: 'apply', body: config({}) } as const;
    await registry.patch('Agent', key, patch, options);
    await registry.patch('Agent', key, patch, options);
    expect(told).toEqual(['made']);
  });
});

test('an apply that leaves out defaults inside a part that is owned whole is a no-op too', async () => {
  const { client, clock } = await harness();
  const env = [{ name: 'KEY', valueFrom: { secretKeyRef: { name: 'model', key: 'token' } } }];
  const body = config({
    template: { command: ['x'], env, envFrom: [{ configMapRef: { name: 'settings' } }] },
  });
  const made = await apply(client, body);
  clock.advance(60_000);
  expect(await apply(client, body)).toEqual(made);
});

test('so it is where others own fields of the object', async () => {
  const { client, clock } = await harness();
  const env = [{ name: 'KEY', valueFrom: { secretKeyRef: { name: 'model', key: 'token' } } }];
  const body = config({ template: { command: ['x'], env } });
  const { metadata } = await apply(client, body);
  const labelled = await client.patch(
    'Agent',
    { name: metadata.name, namespace: 'default' },
    { type: 'merge', body: { metadata: { labels: { team: 'web' } } } },
    { fieldManager: 'zeal' },
  );
  clock.advance(60_000);
  expect(await apply(client, body)).toEqual(labelled);
});

import { expect, test } from 'vitest';
import { ApiError, type StatusReason } from '../../src/api/errors.ts';
import type { Agent, ConfigMap, New } from '../../src/api/objects.ts';
import type { Resources, WatchEvent } from '../../src/client/resources.ts';

/** What a client of the API must do; run against each implementation. */
export interface Subject {
  resources: Resources;
  /** Who may write statuses, where `resources` may not. */
  controller?: Resources;
  /** Takes the subject down when the test ends. */
  close(): Promise<void>;
}

const key = { namespace: 'default', name: 'a' };

const agent = (name = 'a', spec: New<Agent>['spec'] = {}): New<Agent> => ({
  apiVersion: 'agentctl.dev/v1',
  kind: 'Agent',
  metadata: { name, namespace: 'default' },
  spec: { template: { command: ['sleep', '60'] }, ...spec },
});

const configMap = (name: string, data: Record<string, string> = {}, labels?: Record<string, string>) =>
  ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default', ...(labels === undefined ? {} : { labels }) },
    data,
  }) satisfies New<ConfigMap>;

async function failure(promise: Promise<unknown>, reason: StatusReason): Promise<ApiError> {
  const error = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(error instanceof ApiError)) throw new Error(`expected an ApiError, found ${String(error)}`);
  expect(error.code).toBe(reason);
  return error;
}

/** The next events of a watch, as soon as there are so many. */
async function take<T>(events: AsyncIterator<WatchEvent<T>>, count: number): Promise<WatchEvent<T>[]> {
  const taken: WatchEvent<T>[] = [];
  while (taken.length < count) {
    const next = await events.next();
    if (next.done === true) break;
    if (next.value.type !== 'BOOKMARK') taken.push(next.value);
  }
  return taken;
}

const shown = (events: WatchEvent<{ metadata: { name: string } }>[]): string[] =>
  events.map((event) =>
    event.type === 'BOOKMARK' ? event.type : `${event.type} ${event.object.metadata.name}`,
  );

export function resourcesContract(open: () => Promise<Subject>): void {
  const given = (
    name: string,
    body: (resources: Resources, controller: Resources) => Promise<void>,
  ): void => {
    test(name, async () => {
      const subject = await open();
      try {
        await body(subject.resources, subject.controller ?? subject.resources);
      } finally {
        await subject.close();
      }
    });
  };

  given('the namespace default is there from the start', async (resources) => {
    const namespace = await resources.get('Namespace', { name: 'default' });
    expect(namespace.status?.phase).toBe('Active');
    await failure(resources.delete('Namespace', { name: 'default' }), 'Forbidden');
  });

  given('a created object has what the server sets, and its defaults', async (resources) => {
    const made = await resources.create('Agent', agent());
    expect(made).toMatchObject({ spec: { replicas: 1, protocol: 'none' }, metadata: { generation: 1 } });
    expect(made.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(made.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(await resources.get('Agent', key)).toEqual(made);
  });

  given('a name is taken only once', async (resources) => {
    await resources.create('Agent', agent());
    const error = await failure(resources.create('Agent', agent()), 'AlreadyExists');
    expect(error.status).toBe(409);
    expect(error.message).toBe('agents.agentctl.dev "a" already exists');
  });

  given('generateName makes names', async (resources) => {
    const nameless = { ...agent(), metadata: { generateName: 'run-' } };
    const one = await resources.create('Agent', nameless);
    const other = await resources.create('Agent', nameless);
    expect(one.metadata.name).toMatch(/^run-[a-z0-9]{5}$/);
    expect(one.metadata.name).not.toBe(other.metadata.name);
  });

  given('an invalid object is refused with each cause', async (resources) => {
    const bad = agent('a', { replicas: -1, minReady: 'soon' });
    const error = await failure(resources.create('Agent', bad), 'Invalid');
    expect(error.status).toBe(422);
    expect(error.details?.causes?.map(({ field }) => field).sort()).toEqual([
      'spec.minReady',
      'spec.replicas',
    ]);
    await failure(resources.get('Agent', key), 'NotFound');
  });

  given('a field that is not known is dropped, or refused where validation is strict', async (resources) => {
    const misspelt = { ...agent(), spec: { ...agent().spec, replica: 2 } } as New<Agent>;
    const error = await failure(
      resources.create('Agent', misspelt, { fieldValidation: 'Strict' }),
      'BadRequest',
    );
    expect(error.message).toContain('unknown field "spec.replica"');
    expect((await resources.create('Agent', misspelt)).spec).not.toHaveProperty('replica');
  });

  given('nothing is made in a namespace that is not there', async (resources) => {
    const elsewhere = { ...agent(), metadata: { name: 'a', namespace: 'nowhere' } };
    const error = await failure(resources.create('Agent', elsewhere), 'NotFound');
    expect(error.message).toBe('namespaces "nowhere" not found');
  });

  given('what is not there is NotFound', async (resources) => {
    const error = await failure(resources.get('Agent', key), 'NotFound');
    expect(error.message).toBe('agents.agentctl.dev "a" not found');
    expect(error.details).toMatchObject({ name: 'a', group: 'agentctl.dev', kind: 'agents' });
    await failure(resources.delete('Agent', key), 'NotFound');
    await failure(resources.patch('Agent', key, { type: 'merge', body: {} }), 'NotFound');
  });

  given('an update needs the newest resourceVersion, or none', async (resources) => {
    const made = await resources.create('Agent', agent());
    const changed = await resources.update('Agent', { ...made, spec: { ...made.spec, replicas: 2 } });
    expect(changed.metadata.generation).toBe(2);
    const error = await failure(
      resources.update('Agent', { ...made, spec: { ...made.spec, replicas: 3 } }),
      'Conflict',
    );
    expect(error.message).toBe(
      'Operation cannot be fulfilled on agents.agentctl.dev "a": the object has been modified; please apply your changes to the latest version and try again',
    );
    const unpinned = {
      ...made,
      metadata: { ...made.metadata, resourceVersion: '' },
      spec: { ...made.spec, replicas: 4 },
    };
    expect((await resources.update('Agent', unpinned)).spec.replicas).toBe(4);
  });

  given('an update that changes nothing writes nothing', async (resources) => {
    const made = await resources.create('Agent', agent());
    expect(await resources.update('Agent', made)).toEqual(made);
    expect(await resources.patch('Agent', key, { type: 'merge', body: { spec: { replicas: 1 } } })).toEqual(
      made,
    );
  });

  given(
    'the generation counts changes of anything but metadata and status',
    async (resources, controller) => {
      await resources.create('Agent', agent());
      const labelled = await resources.patch('Agent', key, {
        type: 'merge',
        body: { metadata: { labels: { x: 'y' } } },
      });
      expect(labelled.metadata.generation).toBe(1);
      const body = { status: { phase: 'Ready' } };
      const told = await controller.patch('Agent', key, { type: 'merge', body }, { subresource: 'status' });
      expect(told.metadata.generation).toBe(1);
      const changed = await resources.patch('Agent', key, {
        type: 'merge',
        body: { spec: { suspend: true } },
      });
      expect(changed.metadata.generation).toBe(2);
    },
  );

  given('the status is written by its subresource alone', async (resources, controller) => {
    const made = await resources.create('Agent', { ...agent(), status: { phase: 'Ready' } });
    expect(made).not.toHaveProperty('status');
    const sent = { ...made, spec: { ...made.spec, replicas: 9 }, status: { phase: 'Ready' } };
    const told = await controller.update('Agent', sent, { subresource: 'status' });
    expect(told).toMatchObject({ spec: { replicas: 1 }, status: { phase: 'Ready' } });
    const changed = await resources.update('Agent', {
      ...told,
      spec: { ...told.spec, replicas: 2 },
      status: { phase: 'Failed' },
    });
    expect(changed).toMatchObject({ spec: { replicas: 2 }, status: { phase: 'Ready' } });
  });

  given('a merge patch removes by null, a JSON patch goes by its steps', async (resources) => {
    await resources.create('ConfigMap', configMap('a', { x: '1', y: '2' }));
    const merged = await resources.patch('ConfigMap', key, {
      type: 'merge',
      body: { data: { x: null, z: '3' } },
    });
    expect(merged.data).toEqual({ y: '2', z: '3' });
    const steps = [
      { op: 'test', path: '/data/y', value: '2' },
      { op: 'replace', path: '/data/y', value: '4' },
    ];
    expect((await resources.patch('ConfigMap', key, { type: 'json', body: steps })).data).toEqual({
      y: '4',
      z: '3',
    });
    await failure(resources.patch('ConfigMap', key, { type: 'json', body: steps }), 'Invalid');
  });

  given('patches that come together are all carried out', async (resources) => {
    await resources.create('ConfigMap', configMap('a'));
    const keys = Array.from({ length: 20 }, (_, n) => `k${n}`);
    await Promise.all(
      keys.map((name) =>
        resources.patch('ConfigMap', key, { type: 'merge', body: { data: { [name]: 'x' } } }),
      ),
    );
    expect(Object.keys((await resources.get('ConfigMap', key)).data ?? {}).sort()).toEqual(keys.sort());
  });

  given('a patch that names an old resourceVersion is a Conflict', async (resources) => {
    const made = await resources.create('ConfigMap', configMap('a'));
    await resources.patch('ConfigMap', key, { type: 'merge', body: { data: { x: '1' } } });
    const { resourceVersion } = made.metadata;
    const pinned = { metadata: { resourceVersion }, data: { x: '2' } };
    await failure(resources.patch('ConfigMap', key, { type: 'merge', body: pinned }), 'Conflict');
  });

  given('an apply makes the object, and again changes nothing', async (resources) => {
    const patch = { type: 'apply', body: agent() } as const;
    const made = await resources.patch('Agent', key, patch, { fieldManager: 'me' });
    expect(made.metadata.managedFields).toMatchObject([{ manager: 'me', operation: 'Apply' }]);
    expect(await resources.patch('Agent', key, patch, { fieldManager: 'me' })).toEqual(made);
  });

  given('an apply against the field of another is a Conflict, unless forced', async (resources) => {
    await resources.patch(
      'Agent',
      key,
      { type: 'apply', body: agent('a', { replicas: 1 }) },
      { fieldManager: 'one' },
    );
    const patch = { type: 'apply', body: agent('a', { replicas: 2 }) } as const;
    const error = await failure(resources.patch('Agent', key, patch, { fieldManager: 'two' }), 'Conflict');
    expect(error.details?.causes).toEqual([
      { reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.spec.replicas' },
    ]);
    const forced = await resources.patch('Agent', key, patch, { fieldManager: 'two', force: true });
    expect(forced.spec.replicas).toBe(2);
  });

  given('the scale subresource sets replicas', async (resources) => {
    await resources.create('Agent', agent());
    const patch = { type: 'merge', body: { spec: { replicas: 3 } } } as const;
    const scaled = await resources.patch('Agent', key, patch, { subresource: 'scale' });
    expect(scaled).toMatchObject({ kind: 'Agent', spec: { replicas: 3 }, metadata: { generation: 2 } });
  });

  given('a dry run answers what would be, and writes nothing', async (resources) => {
    const would = await resources.create('Agent', agent(), { dryRun: true });
    expect(would.spec.replicas).toBe(1);
    await failure(resources.get('Agent', key), 'NotFound');
    const made = await resources.create('Agent', agent());
    const patch = { type: 'merge', body: { spec: { replicas: 5 } } } as const;
    expect((await resources.patch('Agent', key, patch, { dryRun: true })).spec.replicas).toBe(5);
    await resources.delete('Agent', key, { dryRun: true });
    expect(await resources.get('Agent', key)).toEqual(made);
  });

  given('a finalizer holds a deleted object until it is taken away', async (resources) => {
    const held = { ...agent(), metadata: { name: 'a', finalizers: ['agentctl.dev/stop'] } };
    await resources.create('Agent', held);
    const deleted = await resources.delete('Agent', key);
    expect(deleted.metadata.deletionTimestamp).toBeDefined();
    const again = await resources.get('Agent', key);
    expect(again.metadata.deletionTimestamp).toBe(deleted.metadata.deletionTimestamp);
    const another = { metadata: { finalizers: ['agentctl.dev/stop', 'agentctl.dev/more'] } };
    await failure(resources.patch('Agent', key, { type: 'merge', body: another }), 'Forbidden');
    await resources.patch('Agent', key, { type: 'merge', body: { metadata: { finalizers: null } } });
    await failure(resources.get('Agent', key), 'NotFound');
  });

  given('a delete with a precondition means that object only', async (resources) => {
    const made = await resources.create('Agent', agent());
    await failure(resources.delete('Agent', key, { preconditions: { uid: 'another' } }), 'Conflict');
    await failure(resources.delete('Agent', key, { preconditions: { resourceVersion: '1' } }), 'Conflict');
    await resources.delete('Agent', key, { preconditions: { uid: made.metadata.uid } });
    await failure(resources.get('Agent', key), 'NotFound');
  });

  given('dependents go with their owner', async (resources) => {
    const { metadata } = await resources.create('Agent', agent());
    const owner = { apiVersion: 'agentctl.dev/v1', kind: 'Agent', name: 'a', uid: metadata.uid };
    const dependent = configMap('b');
    await resources.create('ConfigMap', {
      ...dependent,
      metadata: { ...dependent.metadata, ownerReferences: [owner] },
    });
    const { signal, abort } = abortable();
    const events = resources.watch('ConfigMap', { namespace: 'default', signal })[Symbol.asyncIterator]();
    expect(shown(await take(events, 1))).toEqual(['ADDED b']);
    await resources.delete('Agent', key);
    expect(shown(await take(events, 1))).toEqual(['DELETED b']);
    abort();
  });

  given('a list is sorted by name, and selects by labels and fields', async (resources) => {
    for (const name of ['c', 'a', 'b']) {
      await resources.create('ConfigMap', configMap(name, {}, { half: name < 'c' ? 'first' : 'second' }));
    }
    const names = async (options: { labelSelector?: string; fieldSelector?: string }) =>
      (await resources.list('ConfigMap', { namespace: 'default', ...options })).items.map(
        ({ metadata }) => metadata.name,
      );
    expect(await names({})).toEqual(['a', 'b', 'c']);
    expect(await names({ labelSelector: 'half=first' })).toEqual(['a', 'b']);
    expect(await names({ labelSelector: 'half in (second), half' })).toEqual(['c']);
    expect(await names({ fieldSelector: 'metadata.name!=b' })).toEqual(['a', 'c']);
    await failure(resources.list('ConfigMap', { labelSelector: 'a==b==c' }), 'BadRequest');
  });

  given('a list in pages is of one version', async (resources) => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await resources.create('ConfigMap', configMap(name));
    const first = await resources.list('ConfigMap', { namespace: 'default', limit: 2 });
    expect(first.metadata.remainingItemCount).toBe(3);
    await resources.delete('ConfigMap', { namespace: 'default', name: 'c' });
    const names = first.items.map(({ metadata }) => metadata.name);
    for (let token = first.metadata.continue; token !== undefined; ) {
      const page = await resources.list('ConfigMap', { namespace: 'default', limit: 2, continue: token });
      expect(page.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
      names.push(...page.items.map(({ metadata }) => metadata.name));
      token = page.metadata.continue;
    }
    expect(names).toEqual(['a', 'b', 'c', 'd', 'e']);
    await failure(resources.list('ConfigMap', { continue: 'nonsense' }), 'BadRequest');
  });

  given('a watch tells what is there, then what happens', async (resources) => {
    await resources.create('ConfigMap', configMap('a'));
    const { signal, abort } = abortable();
    const events = resources.watch('ConfigMap', { namespace: 'default', signal })[Symbol.asyncIterator]();
    expect(shown(await take(events, 1))).toEqual(['ADDED a']);
    await resources.create('ConfigMap', configMap('b'));
    await resources.patch('ConfigMap', key, { type: 'merge', body: { data: { x: '1' } } });
    await resources.delete('ConfigMap', key);
    expect(shown(await take(events, 3))).toEqual(['ADDED b', 'MODIFIED a', 'DELETED a']);
    abort();
    expect(await events.next()).toMatchObject({ done: true });
  });

  given('a watch from a list misses nothing and repeats nothing', async (resources) => {
    await resources.create('ConfigMap', configMap('a'));
    const { metadata } = await resources.list('ConfigMap');
    await resources.create('ConfigMap', configMap('b'));
    const { signal, abort } = abortable();
    const { resourceVersion } = metadata;
    const events = resources.watch('ConfigMap', { resourceVersion, signal })[Symbol.asyncIterator]();
    const [event] = await take(events, 1);
    expect(event).toEqual({ type: 'ADDED', object: await resources.get('ConfigMap', { ...key, name: 'b' }) });
    abort();
  });

  given('a watch tells when an object begins or ceases to be selected', async (resources) => {
    await resources.create('ConfigMap', configMap('a'));
    await resources.create('ConfigMap', configMap('b', {}, { on: '0' }));
    const { signal, abort } = abortable();
    const events = resources.watch('ConfigMap', { labelSelector: 'on', signal })[Symbol.asyncIterator]();
    expect(shown(await take(events, 1))).toEqual(['ADDED b']);
    for (const on of ['1', '2', null]) {
      const body = { metadata: { labels: { on } } };
      await resources.patch('ConfigMap', key, { type: 'merge', body });
    }
    expect(shown(await take(events, 3))).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a']);
    abort();
  });

  given('a deleted namespace takes along what is in it', async (resources) => {
    await resources.create('Namespace', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } });
    const inside = { ...configMap('a'), metadata: { name: 'a', namespace: 'team' } };
    await resources.create('ConfigMap', inside);
    const { signal, abort } = abortable();
    const events = resources
      .watch('Namespace', { fieldSelector: 'metadata.name=team', signal })
      [Symbol.asyncIterator]();
    expect(shown(await take(events, 1))).toEqual(['ADDED team']);
    await resources.delete('Namespace', { name: 'team' });
    const seen = shown(await take(events, 2));
    expect(seen).toEqual(['MODIFIED team', 'DELETED team']);
    await failure(resources.get('ConfigMap', { namespace: 'team', name: 'a' }), 'NotFound');
    abort();
  });
}

function abortable(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

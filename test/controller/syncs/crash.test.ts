/** The controller is killed before and after every write of a Sync; the next one ends where the first would have. */
import { describe, expect, test } from 'vitest';
import type { AnyObject, Sync } from '../../../src/api/objects.ts';
import { agentYaml, type Estate, policyYaml } from './estate.ts';
import { Mortal } from './lives.ts';

const group = 'agentctl.dev/v1';
const kinds = ['Policy', 'Agent', 'ConfigMap', 'Secret'] as const;
const configYaml = (name: string, value: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\ndata: { key: ${value} }\n`;
const secretYaml = `apiVersion: v1\nkind: Secret\nmetadata: { name: s }\nstringData: { token: t }\n`;

const first = {
  'a.yaml': agentYaml('a', '  startDeadline: 60s\n'),
  'b.yaml': agentYaml('b'),
  'p.yaml': policyYaml('p', 1),
  'q.yaml': policyYaml('q', 1),
  'c.yaml': configYaml('c', 'one'),
  's.yaml': secretYaml,
};
/** Creates d and r, changes b, p and c, prunes a and q. */
const second = {
  'b.yaml': agentYaml('b', '  startDeadline: 30s\n'),
  'd.yaml': agentYaml('d'),
  'p.yaml': policyYaml('p', 2),
  'r.yaml': policyYaml('r', 1),
  'c.yaml': configYaml('c', 'two'),
  's.yaml': secretYaml,
};
const few = { 'p.yaml': policyYaml('p', 1), 'a.yaml': agentYaml('a') };

interface Story {
  /** Done, and come to rest, before the part in which it dies. */
  before: (estate: Estate) => Promise<void>;
  act: (estate: Estate) => Promise<void>;
  /** It is over, and may be compared. */
  done: (sync: Sync) => boolean;
  /** What the act deletes, so that it has to be made again. */
  deletes?: string;
}

const follow = (estate: Estate, files: Record<string, string>): Promise<void> => {
  estate.push(files);
  return estate.follow({ jitter: 0, interval: '10s' });
};
const settled = async (estate: Estate, files: Record<string, string>): Promise<void> => {
  await follow(estate, files);
  await estate.applied(estate.house.sources.revision);
  await estate.quiet();
  await estate.house.within(5_000, () =>
    estate.house.controller.cache.instances.list().every(({ status }) => status?.phase === 'Ready'),
  );
  await estate.quiet();
};
const tell = (estate: Estate) =>
  estate.edit('Sync', 'fleet', { metadata: { annotations: { 'agentctl.dev/webhook-received': 'now' } } });

const stories: Record<string, Story> = {
  'a first sync': {
    before: async () => {},
    act: (estate) => follow(estate, first),
    done: ({ status }) => status?.revision !== undefined,
  },
  'an update that creates, changes and prunes': {
    before: (estate) => settled(estate, first),
    act: async (estate) => {
      estate.push(second);
      await tell(estate);
    },
    done: ({ status }) =>
      status?.changes?.some(({ name }) => name === 'd') === true && status.appliedSpec !== undefined,
  },
  'a prune that was approved': {
    before: async (estate) => {
      await settled(estate, first);
      const revision = estate.push(few);
      await tell(estate);
      await estate.until(({ status }) => status?.pendingApproval?.revision === revision);
      await estate.quiet();
    },
    act: async (estate) => {
      const annotations = { 'agentctl.dev/approved-revision': estate.house.sources.revision };
      await estate.edit('Sync', 'fleet', { metadata: { annotations } });
    },
    done: ({ status }) => status?.inventory?.length === 2 && status.appliedSpec !== undefined,
  },
  'what was changed and deleted by hand': {
    before: (estate) => settled(estate, first),
    act: async (estate) => {
      await estate.edit('Policy', 'p', { spec: { priority: 9 } });
      await estate.edit('Agent', 'a', { spec: { startDeadline: '30s' } });
      await estate.house.user.delete('ConfigMap', { namespace: 'default', name: 'c' });
    },
    done: () => true,
    deletes: 'ConfigMap/c',
  },
};

/** All that a user can see of the end, but for what names a moment or a write. */
async function ending({ house }: Estate): Promise<unknown> {
  const objects: unknown[] = [];
  for (const kind of kinds) {
    const { items } = await house.user.list(kind);
    for (const item of items) objects.push(plain(item));
  }
  const sync = await house.user.get('Sync', { namespace: 'default', name: 'fleet' });
  const {
    appliedAt: _,
    attempted,
    changes = [],
    inventory = [],
    conditions = [],
    ...status
  } = sync.status ?? {};
  return {
    objects,
    status: {
      ...status,
      attempted: attempted?.revision,
      changes: changes.map((change) => JSON.stringify(change)).sort(),
      inventory: inventory.map((entry) => JSON.stringify(entry)).sort(),
      conditions: conditions.map(({ type, status, reason, message }) => ({ type, status, reason, message })),
    },
    annotations: sync.metadata.annotations,
  };
}

function plain({ metadata, ...object }: AnyObject): unknown {
  const { name, namespace, labels, annotations, managedFields = [] } = metadata;
  const owned = managedFields
    .filter(({ operation }) => operation === 'Apply')
    .map(({ manager, fieldsV1 }) => ({ manager, fieldsV1 }));
  return { ...object, status: undefined, metadata: { name, namespace, labels, annotations, owned } };
}

const uids = async ({ house }: Estate): Promise<Map<string, string>> => {
  const found = new Map<string, string>();
  for (const kind of kinds)
    for (const { metadata } of (await house.user.list(kind)).items)
      found.set(`${kind}/${metadata.name}`, metadata.uid);
  return found;
};

/** Plays a story; with `crashIn` the controller dies at that step. Answers the end, and how many steps there were. */
async function play(story: Story, crashIn?: number): Promise<{ end: unknown; steps: number }> {
  await using mortal = await Mortal.open();
  const { estate } = mortal;
  await story.before(estate);
  await estate.quiet();
  // What is there from now on may go, but never be made again.
  const known = await uids(estate);
  const watched = watch(estate, known);
  mortal.steps = 0;
  if (crashIn !== undefined) mortal.crashIn = crashIn;
  await story.act(estate);
  await estate.pass(2_000, 100);
  if (crashIn !== undefined) {
    expect(mortal.dead, `dies at step ${crashIn}`).toBe(true);
    await mortal.revive();
    watched.again();
    await estate.pass(2_000, 100);
  }
  const steps = mortal.steps;
  await estate.until(story.done);
  await estate.pass(40_000, 5_000);
  await estate.house.within(10_000, () =>
    estate.house.controller.cache.instances.list().every(({ status }) => status?.phase === 'Ready'),
  );
  await estate.quiet();
  expect(watched.twice, 'made twice').toEqual(story.deletes === undefined ? [] : [story.deletes]);
  const starts = estate.house.engine.calls.filter((call) => call.startsWith('create'));
  expect(new Set(starts).size, `starts: ${starts.join(', ')}`).toBe(starts.length);
  expect((await estate.sync()).status?.failures).toBeUndefined();
  return { end: await ending(estate), steps };
}

/** Objects that come under a name that another object had since. */
function watch(estate: Estate, known: Map<string, string>): { twice: string[]; again: () => void } {
  const twice: string[] = [];
  const again = (): void => {
    const { agents, policies, secrets, configMaps } = estate.house.controller.cache;
    const note = ({ kind, metadata }: AnyObject): void => {
      const id = `${kind}/${metadata.name}`;
      const before = known.get(id);
      if (before !== undefined && before !== metadata.uid) twice.push(id);
      known.set(id, metadata.uid);
    };
    for (const informer of [agents, policies, secrets, configMaps])
      informer.addHandler({ added: note, updated: (_, now) => note(now), deleted: () => {} });
  };
  again();
  return { twice, again };
}

for (const [name, story] of Object.entries(stories))
  describe(name, () => {
    test('ends the same though the controller dies at any of its writes', { timeout: 120_000 }, async () => {
      const { end, steps } = await play(story);
      expect(steps).toBeGreaterThanOrEqual(6);
      for (let step = 1; step <= steps; step += 1) {
        const played = await play(story, step);
        expect(played.end, `killed at step ${step} of ${steps}`).toEqual(end);
      }
    });
  });

test('what a killed controller had begun is deleted again where the manifests moved on meanwhile', {
  timeout: 120_000,
}, async () => {
  for (let step = 1; ; step += 1) {
    await using mortal = await Mortal.open();
    const { estate } = mortal;
    mortal.crashIn = step;
    estate.push(first);
    await estate.follow({ jitter: 0, interval: '10s', maxPrunePercent: 100 });
    await estate.quiet();
    if (!mortal.dead) {
      expect(step).toBeGreaterThan(14);
      return;
    }
    const revision = estate.push(few);
    await mortal.revive();
    await estate.applied(revision);
    await estate.pass(30_000, 1_000);
    const left = await Promise.all(kinds.map((kind) => estate.names(kind)));
    expect(left, `killed at step ${step}`).toEqual([['p'], ['a'], [], []]);
    expect((await estate.sync()).status?.inventory?.map(({ name }) => name)).toEqual(['p', 'a']);
  }
});

test('an inventory that was only meant is no claim on what others made', async () => {
  await using mortal = await Mortal.open();
  const { estate } = mortal;
  // It dies once its intent is written; then a person makes what it was about to make, and the manifest goes.
  mortal.crashIn = 2;
  estate.push(first);
  await estate.follow({ jitter: 0, interval: '10s', maxPrunePercent: 100 });
  await estate.house.until(() => mortal.dead);
  const { user } = estate.house;
  await user.create('Policy', {
    apiVersion: group,
    kind: 'Policy',
    metadata: { name: 'p' },
    spec: { priority: 5 },
  });
  estate.push({ 'c.yaml': configYaml('c', 'one') });
  await mortal.revive();
  await estate.applied(estate.house.sources.revision);
  expect(await estate.names('Policy')).toEqual(['p']);
  expect((await estate.sync()).status?.inventory).toMatchObject([{ kind: 'ConfigMap', name: 'c' }]);
});

/** Whatever is pushed, changed by hand and killed, in whatever order: what must be true all the same. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Policy } from '../../../src/api/objects.ts';
import { type Estate, policyYaml } from './estate.ts';
import { Mortal } from './lives.ts';

const runs = Number(process.env.SYNC_RUNS ?? 25);
const names = ['a', 'b', 'c', 'd', 'e'];
const manager = 'sync/default/fleet';

type Head = Partial<Record<string, number>>;
type Act =
  | { do: 'push'; head: Head; wrong: boolean; file: string }
  | { do: 'edit'; name: string; priority: number }
  | { do: 'delete'; name: string }
  | { do: 'make'; name: string; priority: number }
  | { do: 'apply'; name: string; priority: number }
  | { do: 'letGo'; name: string }
  | { do: 'suspend'; suspend: boolean }
  | { do: 'heal'; selfHeal: boolean }
  | { do: 'ask' }
  | { do: 'kill'; after: number }
  | { do: 'wait'; milliseconds: number };

const name = fc.constantFrom(...names);
const priority = fc.integer({ min: 0, max: 3 });
const head: fc.Arbitrary<Head> = fc.dictionary(name, priority, { maxKeys: 5, noNullPrototype: true });
const of = <T extends Act['do'], R>(what: T, rest: fc.Arbitrary<R>): fc.Arbitrary<{ do: T } & R> =>
  rest.map((fields) => ({ do: what, ...fields }));

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 6,
    arbitrary: of(
      'push',
      fc.record({ head, wrong: fc.nat(5).map((n) => n === 0), file: fc.constantFrom('one', 'many') }),
    ),
  },
  { weight: 3, arbitrary: of('edit', fc.record({ name, priority })) },
  { weight: 2, arbitrary: of('delete', fc.record({ name })) },
  { weight: 1, arbitrary: of('make', fc.record({ name, priority })) },
  { weight: 1, arbitrary: of('apply', fc.record({ name, priority })) },
  { weight: 1, arbitrary: of('letGo', fc.record({ name })) },
  { weight: 1, arbitrary: of('suspend', fc.record({ suspend: fc.boolean() })) },
  { weight: 1, arbitrary: of('heal', fc.record({ selfHeal: fc.boolean() })) },
  { weight: 1, arbitrary: of('ask', fc.constant({})) },
  { weight: 4, arbitrary: of('kill', fc.record({ after: fc.integer({ min: 1, max: 14 }) })) },
  { weight: 8, arbitrary: of('wait', fc.record({ milliseconds: fc.constantFrom(0, 200, 1_000, 15_000) })) },
);

/** One file of all, or one file each: what is renamed is the same object. */
const filesOf = (head: Head, file: string): Record<string, string> => {
  const texts = Object.entries(head).map(([name, priority]) => [name, policyYaml(name, priority)] as const);
  return file === 'one'
    ? { 'all.yaml': texts.length === 0 ? '# none\n' : texts.map(([, text]) => text).join('---\n') }
    : Object.fromEntries(texts.map(([name, text]) => [`${name}.yaml`, text]));
};

class Story {
  readonly mortal: Mortal;
  readonly #estate: Estate;
  #spec = { suspend: false, selfHeal: true };
  #asked = 0;

  constructor(mortal: Mortal) {
    this.mortal = mortal;
    this.#estate = mortal.estate;
  }

  follow(): Promise<void> {
    return this.#estate.follow({ jitter: 0, interval: '10s', maxPrunePercent: 100, ...this.#spec });
  }

  async policies(): Promise<Policy[]> {
    return (await this.#estate.house.user.list('Policy')).items;
  }

  async play(act: Act): Promise<void> {
    const estate = this.#estate;
    const { user } = estate.house;
    const gone = (): undefined => undefined; // it is there already, or no more
    switch (act.do) {
      case 'push':
        estate.push({
          ...filesOf(act.head, act.file),
          ...(act.wrong ? { 'wrong.yaml': 'kind: Nothing\n' } : {}),
        });
        estate.house.sources.changed();
        return;
      case 'edit':
        await estate.edit('Policy', act.name, { spec: { priority: act.priority } }).catch(gone);
        return;
      case 'delete':
        await user.delete('Policy', { namespace: 'default', name: act.name }).catch(gone);
        return;
      case 'make': {
        const metadata = { name: act.name, namespace: 'default' };
        const spec = { priority: act.priority };
        await user
          .create('Policy', { apiVersion: 'agentctl.dev/v1', kind: 'Policy', metadata, spec })
          .catch(gone);
        return;
      }
      case 'apply':
        await estate.apply('Policy', act.name, { spec: { priority: act.priority } }, 'kubectl', true);
        return;
      case 'letGo':
        await this.letGo(act.name);
        return;
      case 'suspend':
      case 'heal': {
        const { do: _, ...fields } = act;
        this.#spec = { ...this.#spec, ...fields };
        return this.follow();
      }
      case 'ask': {
        const annotations = { 'agentctl.dev/sync-requested': `ask-${this.#asked++}` };
        await estate.edit('Sync', 'fleet', { metadata: { annotations } });
        return;
      }
      case 'kill':
        this.mortal.crashIn = act.after;
        return;
      case 'wait':
        await estate.pass(act.milliseconds, Math.min(act.milliseconds, 1_000));
        await estate.quiet();
        if (this.mortal.dead) await this.mortal.revive();
    }
  }

  /** The person applies nothing of it any more; what is left of it is an object that nobody applies, or none. */
  async letGo(name: string): Promise<void> {
    const found = (await this.policies()).find(({ metadata }) => metadata.name === name);
    if (found?.metadata.managedFields?.some(({ manager }) => manager === 'kubectl') === true)
      await this.#estate.apply('Policy', name, {}, 'kubectl');
  }

  async settle(head: Head): Promise<string> {
    this.mortal.crashIn = Number.POSITIVE_INFINITY;
    if (this.mortal.dead) await this.mortal.revive();
    this.#spec = { suspend: false, selfHeal: true };
    await this.follow();
    for (const name of names) await this.letGo(name);
    const revision = this.#estate.push(filesOf(head, 'many'));
    this.#estate.house.sources.changed();
    await this.#estate.pass(60_000, 5_000);
    return revision;
  }
}

test('nothing of others is lost, and in the end the objects and the inventory are as the manifests say', {
  timeout: 300_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 3, maxLength: 25 }), head, async (acts, last) => {
      await using mortal = await Mortal.open();
      const { estate } = mortal;
      const mine = await estate.edit('Policy', 'mine', {}).catch(() =>
        estate.house.user.create('Policy', {
          apiVersion: 'agentctl.dev/v1',
          kind: 'Policy',
          metadata: { name: 'mine', namespace: 'default' },
          spec: { priority: 4 },
        }),
      );
      const story = new Story(mortal);
      estate.push(filesOf({ a: 1, b: 2 }, 'many'));
      await story.follow();
      for (const act of acts) await story.play(act);
      const revision = await story.settle(last);

      expect(mortal.wronglyDeleted).toEqual([]);
      const policies = await story.policies();
      expect(policies.find(({ metadata }) => metadata.name === 'mine')).toEqual(mine);
      const { status } = await estate.sync();
      expect(status?.revision, JSON.stringify(status, null, 1)).toBe(revision);
      const wanted = Object.keys(last).sort();
      expect((status?.inventory ?? []).map(({ name }) => name).sort()).toEqual(wanted);
      const owned = policies.filter(({ metadata }) =>
        metadata.managedFields?.some((entry) => entry.manager === manager),
      );
      expect(owned.map(({ metadata }) => metadata.name).sort()).toEqual(wanted);
      for (const { metadata, spec } of owned) expect(spec.priority, metadata.name).toBe(last[metadata.name]);
      expect(await estate.condition('Ready')).toMatch(/^True Synced/);
      expect(await estate.condition('InSync')).toMatch(/^True InSync/);

      const { reads } = estate;
      estate.wrote();
      await estate.pass(60_000, 10_000);
      expect(estate.wrote(), 'writes at rest').toEqual([]);
      expect(estate.reads, 'reads at rest').toBe(reads);
    }),
    {
      numRuns: runs,
      endOnFailure: true,
      ...(process.env.SYNC_SEED === undefined ? {} : { seed: Number(process.env.SYNC_SEED) }),
    },
  );
});

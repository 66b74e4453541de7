/** A controller with one Sync, whose repository the test pushes to. */
import type { AnyObject, Kind, New, ObjectKey, Sync } from '../../../src/api/objects.ts';
import type { Resources } from '../../../src/client/resources.ts';
import { House, type HouseOptions } from '../house.ts';

const group = 'agentctl.dev/v1';

export const agentYaml = (name: string, fields = ''): string =>
  `apiVersion: ${group}\nkind: Agent\nmetadata: { name: ${name} }\nspec:\n  template: { image: "test-image:1", command: [run] }\n${fields}`;

export const policyYaml = (name: string, priority = 0): string =>
  `apiVersion: ${group}\nkind: Policy\nmetadata: { name: ${name} }\nspec: { priority: ${priority} }\n`;

type Body = Record<string, unknown>;

type SyncSpecGiven = Partial<New<Sync>['spec']>;

export class Estate implements AsyncDisposable {
  readonly house: House;
  /** Every write that the Syncs made, dry runs left out: `apply Agent/web`, `delete Policy/slow`, `status fleet`. */
  readonly writes: string[];

  /** With these files applied, and at rest. */
  static async applying(files: Record<string, string>, spec: SyncSpecGiven = {}): Promise<Estate> {
    const estate = await Estate.open();
    const revision = estate.push(files);
    await estate.follow({ jitter: 0, interval: '10s', ...spec });
    await estate.applied(revision);
    await estate.quiet();
    estate.wrote();
    return estate;
  }

  static async open(options: HouseOptions = {}): Promise<Estate> {
    const writes: string[] = [];
    const client = (resources: Resources): Resources =>
      noting(options.client?.(resources) ?? resources, writes);
    return new Estate(await House.open({ ...options, client }), writes);
  }

  constructor(house: House, writes: string[] = []) {
    this.house = house;
    this.writes = writes;
  }

  /** What the Syncs wrote since the last time that this was asked. */
  wrote(): string[] {
    return this.writes.splice(0);
  }

  /** What a person does by `edit`, `scale` or `patch`. */
  async edit(kind: Kind, name: string, body: Body): Promise<AnyObject> {
    return this.house.user.patch(kind, keyOfName(kind, name), { type: 'merge', body });
  }

  /** What a person does by `apply`. */
  async apply(
    kind: Kind,
    name: string,
    body: Body,
    fieldManager = 'agentctl',
    force = false,
  ): Promise<AnyObject> {
    const apiVersion = kind === 'Secret' || kind === 'ConfigMap' || kind === 'Namespace' ? 'v1' : group;
    const whole = { apiVersion, kind, metadata: keyOfName(kind, name), ...body };
    return this.house.user.patch(
      kind,
      keyOfName(kind, name),
      { type: 'apply', body: whole },
      { fieldManager, force },
    );
  }

  /** The names of all objects of a kind, by namespace where it is not the default one. */
  async names(kind: Kind): Promise<string[]> {
    const { items } = await this.house.user.list(kind);
    return items
      .map(({ metadata: { name, namespace = 'default' } }) =>
        namespace === 'default' ? name : `${namespace}/${name}`,
      )
      .sort();
  }

  get looks(): number {
    return this.house.sources.calls.filter((call) => call === 'look').length;
  }

  get reads(): number {
    return this.house.sources.calls.filter((call) => call === 'read').length;
  }

  /** Moves the clock so far, in steps, and lets everything come to rest after each. */
  async pass(milliseconds: number, step = 1_000): Promise<void> {
    for (let passed = 0; passed < milliseconds; passed += step) {
      this.house.clock.advance(step);
      await this.quiet();
    }
  }

  /** Until nobody looks or writes any more; the clock stands still. */
  async quiet(): Promise<void> {
    for (let still = 0, round = 0, seen = ''; still < 8; still += 1, round += 1) {
      for (let turn = 0; turn < 15; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      const now = `${this.writes.length} ${this.house.sources.calls.length}`;
      if (now !== seen) still = 0;
      seen = now;
      if (round > 300) throw new Error(`it never comes to rest: ${now}, ${this.writes.slice(-5).join(', ')}`);
    }
  }

  /** Messages of the Events so far, as `DriftRepaired: agent/web ...`. */
  async told(): Promise<string[]> {
    await this.house.controller.recorder.flush();
    const { items } = await this.house.user.list('Event');
    return items
      .filter(({ involvedObject }) => involvedObject.kind === 'Sync')
      .map(({ reason, message, count = 1 }) => `${reason}${count > 1 ? ` x${count}` : ''}: ${message}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.house[Symbol.asyncDispose]();
  }

  /** Applies the Sync `fleet`, or another. */
  async follow(spec: SyncSpecGiven = {}, name = 'fleet'): Promise<void> {
    const source = { git: { url: 'https://git.example/fleet.git', branch: 'main' } };
    const body = { apiVersion: group, kind: 'Sync', metadata: { name }, spec: { source, ...spec } };
    await this.house.user.patch(
      'Sync',
      { namespace: 'default', name },
      { type: 'apply', body },
      { force: true },
    );
  }

  push(files: Record<string, string>): string {
    return this.house.sources.push(files);
  }

  sync(name = 'fleet'): Promise<Sync> {
    return this.house.user.get('Sync', { namespace: 'default', name });
  }

  async condition(type: string, name = 'fleet'): Promise<string> {
    const { status } = await this.sync(name);
    const found = status?.conditions?.find((condition) => condition.type === type);
    return `${found?.status} ${found?.reason}: ${found?.message}`;
  }

  /** Asks for a look now, and waits until it has been honoured. */
  async look(name = 'fleet'): Promise<Sync> {
    this.#asked += 1;
    const asked = `ask-${this.#asked}`;
    const body = { metadata: { annotations: { 'agentctl.dev/sync-requested': asked } } };
    await this.house.user.patch('Sync', { namespace: 'default', name }, { type: 'merge', body });
    return this.until((sync) => sync.status?.lastHandledRequest === asked, name);
  }

  #asked = 0;

  /** Gives everything its turn until the Sync is so; the clock stands still. */
  async until(condition: (sync: Sync) => boolean, name = 'fleet'): Promise<Sync> {
    for (let turn = 0; turn < 4_000; turn += 1) {
      const sync = this.house.controller.cache.syncs.get(`default/${name}`);
      if (sync !== undefined && condition(sync)) return sync;
      await new Promise((resolve) => setImmediate(resolve));
    }
    throw new Error(`it never came about: ${JSON.stringify((await this.sync(name)).status, null, 1)}`);
  }

  applied(revision: string, name = 'fleet'): Promise<Sync> {
    return this.until(({ status }) => status?.revision === revision, name);
  }
}

const keyOfName = (kind: Kind, name: string): ObjectKey =>
  kind === 'Runtime' || kind === 'Namespace' ? { name } : { namespace: 'default', name };

/** Notes the writes of Syncs: by their own managers, deletions, and those of their status. */
const noting = (resources: Resources, writes: string[]): Resources =>
  new Proxy(resources, {
    get: (object, name) => {
      const value: unknown = Reflect.get(object, name, object);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        const line = writeText(String(name), args);
        if (line !== undefined) writes.push(line);
        return value.apply(object, args);
      };
    },
  });

function writeText(call: string, args: unknown[]): string | undefined {
  const [kind, key] = args as [Kind, ObjectKey]; // as in all calls of Resources
  if (call === 'delete') return `delete ${kind}/${key.name}`;
  if (call !== 'patch') return undefined;
  const options = (args[3] ?? {}) as NonNullable<Parameters<Resources['patch']>[3]>; // as Resources has it
  if (kind === 'Sync' && options.subresource === 'status') return `status ${key.name}`;
  const own = options.fieldManager?.startsWith('sync/') === true && options.dryRun !== true;
  return own ? `apply ${kind}/${key.name}` : undefined;
}

/** Controllers that are killed before or after any of their writes. */
import type { AnyObject } from '../../../src/api/objects.ts';
import type { Resources } from '../../../src/client/resources.ts';
import { Estate } from './estate.ts';

const never = new Promise<never>(() => {});
const writes = new Set(['create', 'update', 'patch', 'delete']);

/** One controller process. Once it is dead nothing that it does has an effect, and nothing answers it. */
class Life {
  dead = false;
}

export class Mortal implements AsyncDisposable {
  readonly estate: Estate;
  /** Steps of Syncs' writes until the controller dies: each write is two, one before its effect and one after it. */
  crashIn = Number.POSITIVE_INFINITY;
  steps = 0;
  /** What was deleted that no Sync applies, or that somebody else applies too. */
  readonly wronglyDeleted: string[] = [];
  #life: Life;

  static async open(): Promise<Mortal> {
    const holder: { mortal?: Mortal; life: Life } = { life: new Life() };
    const estate = await Estate.open({
      client: (resources) => {
        const life = new Life();
        holder.life = life;
        if (holder.mortal !== undefined) holder.mortal.#life = life;
        return mortal(resources, life, {
          step: () => holder.mortal?.step() ?? false,
          wrong: (text) => holder.mortal?.wronglyDeleted.push(text),
        });
      },
    });
    const opened = new Mortal(estate, holder.life);
    holder.mortal = opened;
    return opened;
  }

  private constructor(estate: Estate, life: Life) {
    this.estate = estate;
    this.#life = life;
  }

  get dead(): boolean {
    return this.#life.dead;
  }

  step(): boolean {
    this.steps += 1;
    this.crashIn -= 1;
    return this.crashIn === 0;
  }

  /** Another controller over the same store. */
  async revive(): Promise<void> {
    this.#life.dead = true;
    this.crashIn = Number.POSITIVE_INFINITY;
    await this.estate.house.replace();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.estate[Symbol.asyncDispose]();
  }
}

interface Watcher {
  step: () => boolean;
  wrong: (text: string) => void;
}

const mortal = (resources: Resources, life: Life, { step, wrong }: Watcher): Resources =>
  new Proxy(resources, {
    get: (object, name) => {
      const value: unknown = Reflect.get(object, name, object);
      if (typeof value !== 'function') return value;
      if (!writes.has(String(name))) return value.bind(object);
      return async (...args: unknown[]) => {
        if (life.dead) return never;
        if (!isOfSync(String(name), args)) return value.apply(object, args);
        life.dead ||= step();
        if (life.dead) return never;
        const answer: unknown = await value.apply(object, args);
        if (name === 'delete') {
          const { kind, metadata } = answer as AnyObject; // as in Resources
          const appliers = (metadata.managedFields ?? []).filter(({ operation }) => operation === 'Apply');
          if (appliers.length !== 1 || appliers[0]?.manager?.startsWith('sync/') !== true)
            wrong(
              `${kind}/${metadata.name}, applied by ${appliers.map(({ manager }) => manager).join(', ')}`,
            );
        }
        life.dead ||= step();
        return life.dead ? never : answer;
      };
    },
  });

/** What Syncs write: by their managers, what they delete, and themselves. Dry runs have no effect. */
function isOfSync(name: string, args: unknown[]): boolean {
  const [kind, , , options = {}] = args as [
    string,
    unknown,
    unknown,
    { dryRun?: boolean; fieldManager?: string }?,
  ]; // as in all calls of Resources
  if (options.dryRun === true || kind === 'Event') return false;
  return name === 'delete' || kind === 'Sync' || options.fieldManager?.startsWith('sync/') === true;
}

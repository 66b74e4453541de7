/** A controller with one Sync, whose repository the test pushes to. */
import type { New, Sync } from '../../../src/api/objects.ts';
import { House, type HouseOptions } from '../house.ts';

const group = 'agentctl.dev/v1';

export const agentYaml = (name: string, fields = ''): string =>
  `apiVersion: ${group}\nkind: Agent\nmetadata: { name: ${name} }\nspec:\n  template: { image: "test-image:1", command: [run] }\n${fields}`;

export const policyYaml = (name: string, priority = 0): string =>
  `apiVersion: ${group}\nkind: Policy\nmetadata: { name: ${name} }\nspec: { priority: ${priority} }\n`;

export class Estate implements AsyncDisposable {
  readonly house: House;

  static async open(options: HouseOptions = {}): Promise<Estate> {
    return new Estate(await House.open(options));
  }

  constructor(house: House) {
    this.house = house;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.house[Symbol.asyncDispose]();
  }

  /** Applies the Sync `fleet`, or another. */
  async follow(spec: Partial<New<Sync>['spec']> = {}, name = 'fleet'): Promise<void> {
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

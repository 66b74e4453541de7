import { ApiError, UnreachableError } from '../../src/api/errors.ts';
import { type ConfigMap, keyText } from '../../src/api/objects.ts';
import type { List, Resources, WatchEvent, WatchOptions } from '../../src/client/resources.ts';

type Fault = 'expire' | 'lose' | 'end';

/** A server of ConfigMaps whose watches fail when a test says so. Versions are counted from 1. */
export class ScriptedServer {
  readonly objects = new Map<string, ConfigMap>();
  lists = 0;
  watches = 0;
  /** While it is so, nothing can be reached. */
  down = false;
  #version = 0;
  #log: { version: number; event: WatchEvent<ConfigMap> }[] = [];
  #faults: Fault[] = [];
  #wake = (): void => {};

  /** Answers the object as a client's own write gets it. */
  put(name: string, value: string): ConfigMap {
    const key = `default/${name}`;
    const known = this.objects.get(key);
    const version = ++this.#version;
    const object: ConfigMap = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name,
        namespace: 'default',
        uid: known?.metadata.uid ?? `uid-${version}`,
        resourceVersion: String(version),
        creationTimestamp: '2026-03-01T12:00:00Z',
      },
      data: { value },
    };
    this.objects.set(key, object);
    this.#tell(version, { type: known === undefined ? 'ADDED' : 'MODIFIED', object });
    return object;
  }

  delete(name: string): void {
    const last = this.objects.get(`default/${name}`);
    if (last === undefined) return;
    this.objects.delete(`default/${name}`);
    const version = ++this.#version;
    const object = { ...last, metadata: { ...last.metadata, resourceVersion: String(version) } };
    this.#tell(version, { type: 'DELETED', object });
  }

  /** Ends the watch that runs, before it tells anything more. Expired: what was not told by then is never told. */
  fail(fault: Fault): void {
    this.#faults.push(fault);
    this.#wake();
  }

  get resources(): Resources {
    const refuse = (): Promise<never> => Promise.reject(new Error('an informer only lists and watches'));
    const server = {
      list: () => this.#list(),
      watch: (_kind: string, options: WatchOptions) => this.#watch(options),
      get: refuse,
      create: refuse,
      update: refuse,
      patch: refuse,
      delete: refuse,
    };
    // Of all kinds it serves ConfigMaps alone, which the type of an interface for all kinds cannot say.
    return server as unknown as Resources;
  }

  #tell(version: number, event: WatchEvent<ConfigMap>): void {
    this.#log.push({ version, event });
    this.#wake();
  }

  async #list(): Promise<List<ConfigMap>> {
    this.lists++;
    if (this.down) throw new UnreachableError('connection refused');
    return { items: [...this.objects.values()], metadata: { resourceVersion: String(this.#version) } };
  }

  async *#watch({ resourceVersion, signal }: WatchOptions): AsyncGenerator<WatchEvent<ConfigMap>> {
    this.watches++;
    let from = Number(resourceVersion);
    const onAbort = (): void => this.#wake();
    signal.addEventListener('abort', onAbort);
    while (!signal.aborted) {
      if (this.down) throw new UnreachableError('connection refused');
      const fault = this.#faults.shift();
      if (fault === 'end') return;
      if (fault === 'lose') throw new UnreachableError('the connection was lost');
      if (fault === 'expire') {
        this.#log = [];
        throw new ApiError('Expired', 'too old resource version');
      }
      const next = this.#log.find(({ version }) => version > from);
      if (next === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      from = next.version;
      yield next.event;
    }
  }

  /** As the cache of an informer should hold it. */
  shown(): Record<string, string | undefined> {
    return Object.fromEntries(
      [...this.objects.values()].map(({ metadata, data }) => [keyText(metadata), data?.value]).sort(),
    );
  }
}

import { DriverError, type RunSpec } from '../../src/drivers/driver.ts';
import type { Observed, ObservedExit } from '../../src/plan/world.ts';
import type { Clock } from '../../src/platform/clock.ts';
import type { Program } from '../contracts/program.ts';
import { type FakeContainer, newContainer, storeOf } from './container.ts';
import { type FakeAgent, FakeStdio } from './stdio.ts';

/** What a container does from a start on: a Program, or one that ends by itself after a while, or that a test plays. */
export type Behaviour = Program & { endsAfterMs?: number; agent?: FakeAgent };

const echo: FakeAgent = (self) => (line) => {
  const [, code] = /^exit (\d+)$/.exec(line) ?? [];
  if (code === undefined) self.say(`got ${line}`);
  else self.end(Number(code));
};

/** The command by which a test tells the fake what the program does. */
export const fakeCommand = (program: Behaviour, marker = ''): string[] => [
  'program',
  JSON.stringify(program),
  marker,
];

const behaviourOf = ({ command }: RunSpec): Behaviour =>
  command?.[0] === 'program' ? JSON.parse(command[1] ?? '{}') : {};

export interface FakeEngineOptions {
  clock: Clock;
  /** What the program does at its start number n (1 first). The default: what `fakeCommand` says, else it runs on. */
  behave?: ((spec: RunSpec, start: number) => Behaviour) | undefined;
}

interface Watcher {
  store: string;
  hint: (ref: string) => void;
  lose: () => void;
}

/** A container engine in memory. Tests play its user and its failures; `createFakeDriver` is the way in for a controller. */
export class FakeEngine {
  readonly containers = new Map<string, FakeContainer>();
  readonly volumes = new Map<string, RunSpec['identity']>();
  /** Every call that changes something, in order: `create default/a-0 run 1`, `kill c1`. */
  readonly calls: string[] = [];
  /** Images that are there, by name, with their ids. Those of the registry can be pulled. */
  readonly images = new Map([['test-image:1', 'sha256:1']]);
  readonly registry = new Map<string, string>();
  /** Paths of the host, and commands, that begin with one of these are missing. */
  readonly missing = new Set(['/no/such']);
  /** Networks that can be joined by name. */
  readonly networks = new Set(['bridge']);
  readonly watchers = new Set<Watcher>();
  /** Each loses one attachment. */
  readonly attachments = new Set<() => void>();
  /** What a driver answers to hostAddress. */
  hostAddress: string | undefined = '127.0.0.1';
  readonly clock: Clock;
  readonly behave: (spec: RunSpec, start: number) => Behaviour;
  readonly #failures = new Map<string, DriverError>();
  #offline = false;
  #made = 0;

  constructor({ clock, behave = behaviourOf }: FakeEngineOptions) {
    this.clock = clock;
    this.behave = behave;
  }

  /** Every call is refused as Offline, and no stream stands, until it is set back. */
  get offline(): boolean {
    return this.#offline;
  }

  set offline(value: boolean) {
    this.#offline = value;
    if (value) this.loseStreams();
  }

  /** The next call of that name fails, once. */
  failNext(method: string, error: DriverError): void {
    this.#failures.set(method, error);
  }

  /** Throws what was asked for. */
  answer(method: string, what = ''): void {
    if (what !== '') this.calls.push(`${method} ${what}`);
    if (this.#offline) throw new DriverError('Offline', 'EngineUnreachable', 'the fake engine is offline');
    const failure = this.#failures.get(method);
    this.#failures.delete(method);
    if (failure !== undefined) throw failure;
  }

  make(name: string, spec: RunSpec | undefined, imageId: string): FakeContainer {
    const container = newContainer(`c${++this.#made}`, name, spec, imageId);
    this.containers.set(container.ref, container);
    return container;
  }

  start(container: FakeContainer, spec: RunSpec): void {
    container.starts += 1;
    container.state = 'Running';
    container.startedAt = this.clock.now();
    container.startId = `${container.ref}-${container.starts}`;
    container.exit = undefined;
    const program = this.behave(spec, container.starts);
    this.#play(container, spec, program);
    this.notify(container);
    const { ends, endsAfterMs } = program;
    if (ends === undefined) return;
    if (endsAfterMs === undefined) this.#end(container, { code: ends });
    else container.cancel = this.clock.after(endsAfterMs, () => this.#end(container, { code: ends }));
  }

  #play(container: FakeContainer, spec: RunSpec, program: Behaviour): void {
    const start = container.starts;
    const stdio = new FakeStdio((stream, text) => {
      container.log.push({ stream, text, at: this.clock.now(), start, run: spec.identity.run });
      for (const follower of container.followers) follower();
    });
    container.stdio = stdio;
    const say = (text: string): void => stdio.say(text);
    if (program.countsStarts) say(`start ${container.starts}`);
    if (program.reads !== undefined) {
      const file = spec.files.find(({ path }) => path === program.reads);
      say(Buffer.from(file?.content ?? []).toString());
    }
    const variable = program.printsVariable;
    if (variable !== undefined) say(`${variable}=${spec.env[variable] ?? ''}`);
    for (const line of program.prints ?? []) say(line);
    for (const line of program.complains ?? []) stdio.complain(line);
    for (let number = 1; number <= (program.counts ?? 0); number++) say(String(number));
    if (program.printsLong !== undefined) say('x'.repeat(program.printsLong));
    stdio.sayHalf(program.printsHalf ?? '');
    if (program.readsToEnd && !spec.talks && !spec.stdin) say('end of input');
    const agent = program.agent ?? (program.echoes ? echo : undefined);
    if (agent === undefined) return;
    const heard = agent({
      start,
      run: spec.identity.run,
      say: (...lines) => lines.forEach(say),
      sayHalf: (text) => stdio.sayHalf(text),
      complain: (line) => stdio.complain(line),
      end: (code) => {
        if (!stdio.ended) this.#end(container, { code });
      },
      ended: () => stdio.ended,
    });
    stdio.hear(heard);
  }

  /** Ends the program of a container, as if by itself. */
  end(ref: string, exit: Partial<ObservedExit> & { code: number }): void {
    this.#end(this.#get(ref), exit);
  }

  #end(container: FakeContainer, exit: Partial<ObservedExit> & { code: number }): void {
    if (container.state === 'Exited') return;
    container.cancel();
    container.state = 'Exited';
    container.exit = { finishedAt: this.clock.now(), cause: 'Agent', ...exit };
    container.stdio?.end();
    this.#wake(container);
    this.notify(container);
  }

  remove(container: FakeContainer): void {
    container.cancel();
    this.containers.delete(container.ref);
    container.stdio?.end();
    this.#wake(container);
    this.notify(container);
  }

  #wake(container: FakeContainer): void {
    for (const follower of container.followers) follower();
  }

  notify(container: FakeContainer): void {
    for (const { store, hint } of this.watchers) if (store === storeOf(container)) hint(container.ref);
  }

  pause(ref: string): void {
    this.#get(ref).state = 'Paused';
    this.notify(this.#get(ref));
  }

  /** Its user removes it behind the controller's back. */
  vanish(ref: string): void {
    this.remove(this.#get(ref));
  }

  /** Streams are lost and every program ends, with the cause Runtime. */
  restart(): void {
    this.loseStreams();
    for (const container of this.containers.values()) {
      if (container.spec !== undefined) this.#end(container, { code: 143, cause: 'Runtime' });
    }
  }

  /** A container that is not ours; the result removes it. */
  stranger(name: string): () => void {
    const container = this.make(name, undefined, '');
    container.state = 'Running';
    return () => this.remove(container);
  }

  loseStreams(): void {
    for (const { lose } of [...this.watchers]) lose();
    for (const lose of [...this.attachments]) lose();
  }

  /** What the engine's own checks find: all is well where a spec asks for it, unless a test says otherwise. */
  readonly failing = new Map<'ready' | 'live', string>();

  probed({ spec, state, startedAt = 0 }: FakeContainer): Pick<Observed, 'ready' | 'live'> {
    const result = (kind: 'ready' | 'live', probe: unknown) => {
      const message = this.failing.get(kind);
      return probe === undefined || state !== 'Running'
        ? undefined
        : { ok: message === undefined, since: startedAt, message: message ?? '' };
    };
    return { ready: result('ready', spec?.probes?.readiness), live: result('live', spec?.probes?.liveness) };
  }

  /** How many processes with the marker are left: those of containers that have not ended. */
  left(marker: string): number {
    return [...this.containers.values()].filter(
      ({ spec, state, starts }) =>
        spec?.command?.[2] === marker && state !== 'Exited' && this.behave(spec, starts).leaves !== undefined,
    ).length;
  }

  #get(ref: string): FakeContainer {
    const container = this.containers.get(ref);
    if (container === undefined) throw new Error(`the fake engine has no container ${ref}`);
    return container;
  }
}

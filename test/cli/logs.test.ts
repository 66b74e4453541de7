import { beforeAll, describe, expect, test } from 'vitest';
import { ApiError, UnreachableError } from '../../src/api/errors.ts';
import type { Agent, Instance } from '../../src/api/objects.ts';
import type { ControllerStatus, LogEntry, LogOptions } from '../../src/client/streams.ts';
import { agent } from '../server/support.ts';
import { type How, type Screen, useShell } from './support.ts';

/** What an instance says: at once, and then line by line as a test feeds it. */
class Script {
  readonly #lines: LogEntry[];
  #ring: () => void = () => {};
  #isOver = false;
  #losses = 0;

  constructor(lines: readonly LogEntry[]) {
    this.#lines = [...lines];
  }

  say(entry: LogEntry): void {
    this.#lines.push(entry);
    this.#ring();
  }

  /** Ends the answers that are open. */
  lose(): void {
    this.#losses += 1;
    this.#ring();
  }

  end(): void {
    this.#isOver = true;
    this.#ring();
  }

  async *read({ follow, since = 0, signal }: LogOptions): AsyncGenerator<LogEntry> {
    const losses = this.#losses;
    const wake = (): void => this.#ring();
    signal.addEventListener('abort', wake);
    for (let at = 0; !signal.aborted; ) {
      if (this.#losses > losses) return;
      const line = this.#lines[at];
      if (line !== undefined) {
        at += 1;
        if ((line.at ?? since) >= since) yield line;
      } else if (follow !== true || this.#isOver) return;
      else {
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#ring = resolve;
        await promise;
      }
    }
  }
}

const noon = Date.parse('2026-01-31T12:00:00Z');
const out = (text: string, at?: number): LogEntry => ({
  stream: 'stdout',
  text,
  ...(at === undefined ? {} : { at }),
});
const scripts = new Map<string, Script>();
const asked: (LogOptions & { name: string })[] = [];

const shell = useShell({
  status: async () => ({ pid: 1 }) as ControllerStatus, // all that is asked for is that it answers
  log(key, options) {
    asked.push({ ...options, name: key.name });
    const script = scripts.get(key.name);
    if (script === undefined) throw new ApiError('BadRequest', `No run of ${key.name} has ended yet.`);
    return script.read(options);
  },
});

async function make(
  name: string,
  labels: Record<string, string> = {},
  namespace = 'default',
): Promise<Agent> {
  const { client } = shell.server;
  const made = agent(name, {});
  return client.create('Agent', { ...made, metadata: { ...made.metadata, namespace, labels } });
}

function instance({ metadata: { name, namespace, uid } }: Agent, ordinal: number): Promise<Instance> {
  return shell.server.controller.create('Instance', {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Instance',
    metadata: { name: `${name}-${ordinal}`, ...(namespace === undefined ? {} : { namespace }) },
    spec: { agentName: name, agentUID: uid, ordinal, runtimeRef: { name: 'process' } },
  });
}

let web: Agent;
let db: Agent;

beforeAll(async () => {
  await shell.server.client.create('Namespace', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'far' },
  });
  web = await make('web', { team: 'shop' });
  db = await make('db', { team: 'shop' });
  await instance(web, 0);
  await instance(db, 0);
  await instance(await make('web', {}, 'far'), 0);
  await make('none', {});
  scripts.set('web-0', new Script([out('web one', noon + 1), out('web two', noon + 3)]));
  scripts.set('db-0', new Script([out('db one', noon + 2), out('db two', noon + 4)]));
});

const both = ['[web-0] web one', '[db-0] db one', '[web-0] web two', '[db-0] db two', ''];

describe('the output of several agents', () => {
  test.each([
    [['web', 'db']],
    [['agent/web', 'instance/db-0']],
    [['web-0', 'db']],
    [['-l', 'team=shop']],
    [['--all']],
  ])('is one stream in the order of time: %j', async (words) => {
    const { out: text, code } = await shell.run(['logs', ...words]);
    expect([text.split('\n'), code]).toEqual([both, 0]);
  });

  test('of all namespaces names them', async () => {
    const { out: text } = await shell.run(['logs', '-A', '--tail=1']);
    expect(text).toContain('[default/db-0] db one\n');
    expect(text).toContain('[far/web-0] web one\n');
  });

  test('has a colour for each on a terminal, and none in a pipe', async () => {
    const { out: text } = await shell.run(['logs', 'web', 'db'], { terminal: { out: true, color: true } });
    const colors = [...text.replaceAll('\u001b', '^').matchAll(/\^\[(\d+)m\[(\w+)-0\]\^\[39m /g)].map(
      ([, color, name]) => `${name} ${color}`,
    );
    expect(colors).toHaveLength(4);
    expect(new Set(colors).size).toBe(2);
    expect((await shell.run(['logs', 'web', 'db'])).out).not.toContain('\u001b');
  });

  test('is not read where there are too many of them', async () => {
    const { err, code } = await shell.run(['logs', '--all', '--max-log-requests=1']);
    expect([err, code]).toEqual([
      'error: found 2 instances, but at most 1 can be read at once: select fewer, or raise --max-log-requests\n',
      1,
    ]);
  });

  test('shows the previous run of those that have one', async () => {
    const first = scripts.get('web-0') ?? new Script([]);
    scripts.delete('web-0');
    const some = await shell.run(['logs', '--all', '--previous']);
    expect([some.out, some.err, some.code]).toEqual(['[db-0] db one\n[db-0] db two\n', '', 0]);
    const none = await shell.run(['logs', 'web', '--previous']);
    expect([none.out, none.err, none.code]).toEqual(['', 'error: No run of web-0 has ended yet.\n', 1]);
    scripts.set('web-0', first);
  });

  test.each([[[]], [['web', '--all']], [['web', '-l', 'team=shop']], [['web', '-A']]])(
    'is asked for by names or by a selection, not %j',
    async (words) => {
      expect((await shell.run(['logs', ...words])).code).toBe(64);
    },
  );
});

describe('with -f', () => {
  interface Following {
    until(text: string): Promise<void>;
    ended: Promise<Screen>;
    end(): Promise<Screen>;
  }

  function follow(words: readonly string[], how: How = {}): Following {
    const user = new AbortController();
    let seen = '';
    let look = (): void => {};
    let heard = { out: '', err: '' };
    const hear = (what: Partial<typeof heard>): void => {
      heard = { ...heard, ...what };
      seen = heard.err + heard.out;
      look();
    };
    const ended = shell.run(['logs', '-f', ...words], {
      signal: user.signal,
      onOut: (text) => hear({ out: text }),
      onErr: (text) => hear({ err: text }),
      ...how,
    });
    return {
      ended,
      async until(text) {
        while (!seen.includes(text)) {
          await new Promise<void>((resolve) => {
            look = resolve;
            // The clock of the shell stands still; what waits for other streams needs it to move.
            setImmediate(() => {
              shell.server.clock.advance(1);
              resolve();
            });
          });
        }
      },
      end() {
        user.abort();
        return ended;
      },
    };
  }

  test('it goes on over runs, and what lies between them is no output', async () => {
    const script = new Script([out('before')]);
    scripts.set('web-0', script);
    const following = follow(['web']);
    await following.until('before');
    script.say({ stream: 'note', at: noon, text: 'Run 2 began.' });
    script.say(out('after'));
    await following.until('after');
    const { out: text, err } = await following.end();
    expect(text).toBe('before\nafter\n');
    expect(err).toBe('--- web-0: Run 2 began.\n');
    expect(asked.at(-1)).toMatchObject({ follow: true, runs: true });
  });

  test('new instances join, and from then on lines have a prefix', async () => {
    scripts.set('web-0', new Script([out('first', noon)]));
    scripts.set('web-1', new Script([out('second', noon)]));
    const following = follow(['web']);
    await following.until('first\n');
    await instance(web, 1);
    await following.until('[web-1] second\n');
    expect((await following.end()).out).toBe('first\n[web-1] second\n');
    await shell.server.controller.delete('Instance', { namespace: 'default', name: 'web-1' });
  });

  test('agents that get the labels join, and those of other labels do not', async () => {
    scripts.set('db-0', new Script([out('db', noon)]));
    scripts.set('late-0', new Script([out('late', noon)]));
    scripts.set('other-0', new Script([out('other', noon)]));
    const following = follow(['-l', 'team=shop']);
    await following.until('[db-0] db\n');
    await instance(await make('other', { team: 'kitchen' }), 0);
    await instance(await make('late', { team: 'shop' }), 0);
    await following.until('[late-0] late\n');
    expect((await following.end()).out).not.toContain('other');
  });

  test('an agent without instances is waited for', async () => {
    const following = follow(['none']);
    await following.until('There is no instance yet');
    scripts.set('none-0', new Script([out('here', noon)]));
    await instance(await shell.server.client.get('Agent', { namespace: 'default', name: 'none' }), 0);
    await following.until('here\n');
    await following.end();
  });

  test('it ends with a line when all that was named is deleted', async () => {
    const gone = await make('gone');
    await instance(gone, 0);
    const script = new Script([out('last words', noon)]);
    scripts.set('gone-0', script);
    const following = follow(['gone']);
    await following.until('last words');
    await shell.server.controller.delete('Instance', { namespace: 'default', name: 'gone-0' });
    await shell.server.controller.delete('Agent', { namespace: 'default', name: 'gone' });
    script.say({ stream: 'note', text: 'The instance was deleted.' });
    script.end();
    await following.until('agent gone was deleted.');
    const { err, code } = await following.ended;
    expect(err).toContain('--- agent gone was deleted.\n');
    expect(err).toContain('--- gone-0: The instance was deleted.\n');
    expect(code).toBe(0);
  });

  test('it goes on where the log is lost, with each line once', async () => {
    const script = new Script([out('one', noon), out('two', noon + 1), out('three', noon + 1)]);
    scripts.set('web-0', script);
    const following = follow(['instance/web-0']);
    await following.until('three');
    script.lose();
    script.say(out('four', noon + 1));
    await following.until('four');
    expect((await following.end()).out).toBe('one\ntwo\nthree\nfour\n');
  });

  test('Ctrl-C as the log ends is no failure', async () => {
    const script = new Script([out('one', noon)]);
    scripts.set('web-0', script);
    const following = follow(['web']);
    await following.until('one');
    script.say(out('last', noon + 1));
    script.end();
    await following.until('last');
    expect(await following.end()).toMatchObject({ out: 'one\nlast\n', code: 130 });
  });

  test('it waits for a controller that is out of reach, and says so', async () => {
    const script = new Script([out('one', noon)]);
    scripts.set('web-0', script);
    let failures = 0;
    const following = follow(['web'], {
      through: (client) => ({
        ...client,
        status: async () => {
          failures += 1;
          if (failures < 4) throw new UnreachableError('gone');
          return client.status();
        },
      }),
    });
    await following.until('one');
    script.lose();
    script.say(out('two', noon + 1));
    await following.until('two');
    const { out: text, err } = await following.end();
    expect(text).toBe('one\ntwo\n');
    expect(err.split('\n').slice(0, 2)).toEqual([
      '--- The controller cannot be reached; agents keep running. The logs continue when it is back.',
      '--- The controller is back.',
    ]);
  });

  test('fifty instances are one stream, in the order of time', async () => {
    const many = await make('many');
    for (let n = 0; n < 50; n += 1) {
      await instance(many, n);
      scripts.set(
        `many-${n}`,
        new Script(
          Array.from({ length: 20 }, (_, at) => out(`line ${at * 50 + n}`, noon - 5_000 + at * 50 + n)),
        ),
      );
    }
    const following = follow(['many']);
    await following.until('line 999\n');
    const numbers = [...(await following.end()).out.matchAll(/line (\d+)/g)].map(([, n]) => Number(n));
    expect(numbers).toEqual(Array.from({ length: 1_000 }, (_, n) => n));
  });
});

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { keyOf } from '../../src/api/objects.ts';
import type { LogEntry, LogOptions } from '../../src/client/streams.ts';
import { InstanceLogs } from '../../src/controller/instance-log.ts';
import { DriverError } from '../../src/drivers/driver.ts';
import { House } from './house.ts';

let house: House;
/** What every read of a log meets first. */
let beforeRead: () => void = () => {};

beforeEach(async () => {
  beforeRead = () => {};
  house = await House.open({
    wrap: (driver) => ({
      ...driver,
      logs(ref, options) {
        beforeRead();
        return driver.logs(ref, options);
      },
    }),
  });
});
afterEach(() => house[Symbol.asyncDispose]());

interface Following {
  /** The lines so far; notes in brackets. */
  lines: string[];
  /** Whether it has ended by itself. */
  isOver(): boolean;
  end(): Promise<void>;
}

function follow(name: string, options: Partial<LogOptions> = {}): Following {
  const reader = new AbortController();
  const lines: string[] = [];
  let over = false;
  const instance = house.instance(name);
  if (instance === undefined) throw new Error(`there is no ${name}`);
  const entries = new InstanceLogs(house.controller, house.user, house.clock).log(keyOf(instance), {
    follow: true,
    runs: true,
    signal: reader.signal,
    ...options,
  });
  const done = (async () => {
    for await (const { stream, text } of entries) lines.push(stream === 'note' ? `[${text}]` : text);
    over = true;
  })();
  return {
    lines,
    isOver: () => over,
    async end() {
      reader.abort();
      await done;
    },
  };
}

const shows = (following: Following, text: string | RegExp): Promise<number> =>
  house.within(120_000, () => following.lines.some((line) => line.match(text) !== null));

const policy = { policy: { backoff: { schedule: ['5s'], jitter: 0 } } };

describe('a log that is followed over runs', () => {
  test('goes on with each next run, with lines between them', async () => {
    await house.agent('web', { countsStarts: true, ends: 1, endsAfterMs: 3_000 }, policy);
    await house.ready('web-0');
    const following = follow('web-0');
    await shows(following, 'start 3');
    await following.end();
    expect(following.lines).toEqual([
      'start 1',
      expect.stringMatching(/^\[Run 1 ended with code 1\. It starts again at 2026-03-02 10:00:\d\d UTC\.\]$/),
      '[Run 2 began.]',
      'start 2',
      expect.stringMatching(/^\[Run 2 ended with code 1\./),
      '[Run 3 began.]',
      'start 3',
    ]);
  });

  test('begins with the last lines of all runs where a tail is asked for', async () => {
    await house.agent('web', { countsStarts: true, ends: 1, endsAfterMs: 3_000 }, policy);
    await house.within(60_000, () => house.instance('web-0')?.status?.run?.number === 3);
    await house.ready('web-0');
    const following = follow('web-0', { tail: 2 });
    await shows(following, 'start 4');
    await following.end();
    expect(following.lines.filter((line) => line.startsWith('start'))).toEqual([
      'start 2',
      'start 3',
      'start 4',
    ]);
  });

  test('tells that the agent gave up, and goes on when it is resumed', async () => {
    await house.agent(
      'web',
      { countsStarts: true, ends: 1, endsAfterMs: 3_000 },
      { policy: { restart: { on: 'Never' } } },
    );
    await house.ready('web-0');
    const following = follow('web-0');
    await shows(following, /^\[.*restart\.on is Never/);
    const annotations = { 'agentctl.dev/resume': 'now' };
    const key = { namespace: 'default', name: 'web' };
    await house.user.patch('Agent', key, { type: 'merge', body: { metadata: { annotations } } });
    await shows(following, 'start 2');
    await following.end();
  });

  test('goes on over a replaced container, and over a move to another Runtime', async () => {
    await house.user.create('Runtime', {
      apiVersion: 'agentctl.dev/v1',
      kind: 'Runtime',
      metadata: { name: 'second' },
      spec: { driver: 'docker', endpoint: 'unix:///second' },
    });
    await house.agent('web', { prints: ['one'] });
    await house.ready('web-0');
    const following = follow('web-0');
    await house.agent('web', { prints: ['two'] });
    await shows(following, 'two');
    await house.agent('web', { prints: ['three'] }, { runtimeRef: { name: 'second' } });
    await shows(following, 'three');
    await following.end();
    expect(following.lines.filter((line) => !line.startsWith('['))).toEqual(['one', 'two', 'three']);
  });

  test('waits for the first run, and says why there is none', async () => {
    await house.agent('web', { prints: ['hello'] }, { suspend: true });
    await house.within(5_000, () => house.instance('web-0') !== undefined);
    const following = follow('web-0');
    await shows(following, /^\[It has not started yet\./);
    await house.agent('web', { prints: ['hello'] }, { suspend: false });
    await shows(following, 'hello');
    await following.end();
  });

  test('waits for a Runtime that is out of reach, and tells no line twice', async () => {
    await house.agent('web', { prints: ['one', 'two'] });
    await house.ready('web-0');
    let failures = 0;
    let reads = 0;
    beforeRead = () => {
      reads += 1;
      if (reads > 1 && failures < 2) {
        failures += 1;
        throw new DriverError('Offline', 'EngineUnreachable', 'The engine does not answer.');
      }
    };
    // The stream ends though the run goes on, as that of an engine that restarts.
    const { driver } = house.controller.runtimes.session('engine') ?? {};
    if (driver === undefined) throw new Error('there is no session');
    const following = follow('web-0');
    await shows(following, 'two');
    loseFollowers();
    await shows(following, /does not answer/);
    await house.within(20_000, () => reads >= 4);
    house.engine.containers.get(house.refOf('web-0'))?.stdio?.say('three');
    await shows(following, 'three');
    await following.end();
    expect(following.lines).toEqual([
      'one',
      'two',
      '[The engine does not answer. The logs continue when it is back.]',
      'three',
    ]);
  });

  test('ends when the instance is deleted, and says so', async () => {
    await house.agent('web', { prints: ['one'] });
    await house.ready('web-0');
    const following = follow('web-0');
    await house.user.delete('Agent', { namespace: 'default', name: 'web' });
    await house.within(60_000, following.isOver);
    expect(following.lines.at(-1)).toBe('[The instance was deleted.]');
  });
});

/** Ends the streams of those who follow, while the container runs on. */
function loseFollowers(): void {
  const container = house.engine.containers.get(house.refOf('web-0'));
  if (container === undefined) throw new Error('there is no container');
  container.state = 'Exited';
  for (const follower of container.followers) follower();
  setImmediate(() => {
    container.state = 'Running';
  });
}

describe('the previous run', () => {
  const texts = async (name: string): Promise<string[]> => {
    const instance = house.instance(name);
    if (instance === undefined) throw new Error(`there is no ${name}`);
    const found: LogEntry[] = [];
    const options = { previous: true, signal: new AbortController().signal };
    for await (const entry of new InstanceLogs(house.controller, house.user, house.clock).log(
      keyOf(instance),
      options,
    ))
      found.push(entry);
    return found.map(({ text }) => text);
  };

  test('is the one before the newest while that runs, and the newest once it has ended', async () => {
    await house.agent('web', { countsStarts: true, ends: 1, endsAfterMs: 3_000 }, policy);
    await house.ready('web-0');
    await expect(texts('web-0')).rejects.toMatchObject({
      code: 'BadRequest',
      message: 'No run of web-0 has ended yet.',
    });
    await house.within(60_000, () => house.instance('web-0')?.status?.run?.number === 3);
    await house.ready('web-0');
    expect(await texts('web-0')).toEqual(['start 2']);
    await house.within(60_000, () => house.phase('web-0') === 'BackOff');
    expect(await texts('web-0')).toEqual(['start 3']);
  });

  test('has no output once its container was replaced', async () => {
    await house.agent('web', { countsStarts: true }, policy);
    await house.ready('web-0');
    await house.user.patch(
      'Agent',
      { namespace: 'default', name: 'web' },
      { type: 'merge', body: { spec: { template: { env: [{ name: 'A', value: 'b' }] } } } },
    );
    await house.within(60_000, () => house.instance('web-0')?.status?.run?.number === 2);
    await house.ready('web-0');
    await expect(texts('web-0')).rejects.toMatchObject({
      code: 'BadRequest',
      message: 'The output of run 1 was deleted when its container or folder was removed.',
    });
  });

  test('has no output once its container was removed by others', async () => {
    await house.agent('web', { countsStarts: true, ends: 1, endsAfterMs: 3_000 }, policy);
    await house.within(60_000, () => house.phase('web-0') === 'BackOff');
    house.engine.containers.delete(house.refOf('web-0'));
    await expect(texts('web-0')).rejects.toMatchObject({
      code: 'BadRequest',
      message: 'The output of run 1 was deleted when its container or folder was removed.',
    });
  });
});

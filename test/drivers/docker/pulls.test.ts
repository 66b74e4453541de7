import { PassThrough } from 'node:stream';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Engine, EngineError } from '../../../src/drivers/docker/engine.ts';
import { createPulls, type Pulls, waitAfter } from '../../../src/drivers/docker/image-pulls.ts';
import { DriverError } from '../../../src/drivers/driver.ts';
import { ManualClock } from '../../fakes/clock.ts';

const second = 1_000;
const minute = 60 * second;

describe('pulls', () => {
  let clock: ManualClock;
  let pulls: Pulls;
  /** What the registry was asked for. */
  let asked: string[];
  /** What it says; undefined: here you are. */
  let says: string | undefined;

  beforeEach(() => {
    clock = new ManualClock('2026-03-02T10:00:00Z');
    asked = [];
    says = 'manifest unknown';
    const createImage = async ({ fromImage, tag }: { fromImage: string; tag: string }) => {
      asked.push(`${fromImage}:${tag}`);
      await Promise.resolve();
      if (says === 'nothing') return new PassThrough().destroy(new Error('aborted'));
      if (says === 'refused') throw new EngineError(404, 'pull access denied');
      return new PassThrough().end(
        says === undefined ? '{"status":"done"}' : JSON.stringify({ error: says }),
      );
    };
    // Of the engine nothing else is used.
    pulls = createPulls({ pulls: { createImage } } as unknown as Engine, clock);
  });

  const refused = async (image: string, again = true): Promise<DriverError> => {
    const error: unknown = await pulls.pull(image, again).then(
      () => undefined,
      (cause: unknown) => cause,
    );
    if (!(error instanceof DriverError)) throw new Error(`not refused: ${String(error)}`);
    return error;
  };

  const timeOf = ({ retry }: DriverError): number =>
    typeof retry === 'object' && 'at' in retry ? retry.at : 0;

  test('of one image at the same time are one', async () => {
    says = undefined;
    await Promise.all(['app', 'app:latest', 'app'].map((image) => pulls.pull(image, false)));
    expect(asked).toEqual(['app:latest']);
  });

  test('that fail are tried less and less often, to every five minutes, by all instances together', async () => {
    const waits: number[] = [];
    for (let round = 0; round < 8; round++) {
      const error = await refused('app:1');
      const retryAt = timeOf(error);
      expect(error).toMatchObject({ kind: 'NotStartable', code: 'ImagePull' });
      waits.push((retryAt - clock.now()) / second);
      await clock.advance(retryAt - clock.now() - 1);
      for (let instance = 0; instance < 3; instance++)
        expect(await refused('app:1')).toMatchObject({ retry: { at: retryAt } });
      await clock.advance(1);
    }
    expect(waits).toEqual([10, 20, 40, 80, 160, 300, 300, 300]);
    expect(asked).toHaveLength(8);
  });

  test('of one image hold back no other', async () => {
    await refused('app:1');
    await refused('app:2');
    expect(asked).toEqual(['app:1', 'app:2']);
  });

  test('are tried at once for a new spec, once a second for many of them', async () => {
    await refused('app:1');
    await clock.advance(second - 1);
    await refused('app:1', false);
    expect(asked).toHaveLength(1);
    await clock.advance(1);
    await refused('app:1', false);
    expect(asked).toHaveLength(2);
  });

  test('begin afresh after one that succeeded', async () => {
    await refused('app:1');
    says = undefined;
    await clock.advance(10 * second);
    await pulls.pull('app:1', true);
    says = 'refused';
    expect(timeOf(await refused('app:1')) - clock.now()).toBe(10 * second);
  });

  test('that the engine breaks off hold nothing back: it is out of reach', async () => {
    says = 'nothing';
    expect(await refused('app:1')).toMatchObject({ kind: 'Offline' });
    expect(await refused('app:1')).toMatchObject({ kind: 'Offline' });
    expect(asked).toHaveLength(2);
  });

  test.each([
    ['manifest unknown', undefined, 10 * second],
    ['manifest unknown', 10 * second, 20 * second],
    ['toomanyrequests: You have reached your pull rate limit.', undefined, 5 * minute],
    ['received unexpected HTTP status: 429 Too Many Requests', undefined, 5 * minute],
    ['toomanyrequests: retry-after: 312.5µs, allowed: 44000/minute', undefined, 10 * second],
    ['too many requests, Retry-After: 90', undefined, 90 * second],
    ['too many requests, "retry-after":"1h30m"', undefined, 60 * minute],
    ['toomanyrequests: retry-after: 20m0.5s', 5 * minute, 20 * minute + 500],
  ])('wait after "%s" and a wait of %s ms for %i ms', (said, last, wait) => {
    expect(waitAfter(said, last)).toBe(wait);
  });
});

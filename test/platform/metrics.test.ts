import { describe, expect, test } from 'vitest';
import { type Meters, noMeters } from '../../src/platform/meters.ts';
import { type Metric, metrics } from '../../src/platform/metrics.ts';
import { createMeters } from '../../src/platform/prometheus.ts';

/** The samples of our own metrics. */
async function samplesOf({ text }: { text(): Promise<string> }): Promise<string[]> {
  return (await text()).split('\n').filter((line) => line.startsWith('agentctl_'));
}

describe.each(Object.values<Metric>(metrics))('$name', ({ name, type, help, labels, buckets }) => {
  test('follows the naming rules of Prometheus', () => {
    expect(name).toMatch(/^agentctl_[a-z]+(_[a-z]+)*$/);
    expect(name.endsWith('_total')).toBe(type === 'counter');
    expect(name).not.toMatch(/_(count|sum|bucket|milliseconds|minutes|kilobytes|counter|gauge|histogram)$/);
    if (name.includes('duration')) expect(name).toMatch(/_duration_seconds$/);
    for (const label of Object.keys(labels)) {
      expect(label).toMatch(/^[a-z]+(_[a-z]+)*$/);
      expect(['le', 'quantile', 'job', 'instance']).not.toContain(label);
    }
  });

  test('says what it is, in a sentence', () => {
    expect(help).toMatch(/^[A-Z].*\.$/);
  });

  test('has buckets exactly if it is a histogram, in order', () => {
    expect(buckets !== undefined).toBe(type === 'histogram');
    expect(buckets).toEqual(buckets?.toSorted((one, other) => one - other));
  });
});

test('names are unique', () => {
  const names = Object.values(metrics).map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

describe('meters', () => {
  const ofAgent = (agent: string) => ({ namespace: 'default', agent });

  test('are exposed with their labels', async () => {
    const { meters, exposition } = createMeters();
    meters.instanceStarts.inc(ofAgent('web'));
    meters.instanceStarts.inc(ofAgent('web'), 2);
    expect(await samplesOf(exposition)).toContain(
      'agentctl_instance_starts_total{namespace="default",agent="web"} 3',
    );
    expect(exposition.contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
  });

  test('time in seconds', async () => {
    const { meters, exposition } = createMeters();
    const before = performance.now();
    const stop = meters.commitSeconds.startTimer();
    await new Promise((resolve) => setImmediate(resolve));
    stop({ database: 'store', result: 'Succeeded' });
    const most = (performance.now() - before) / 1_000;
    const sum = (await samplesOf(exposition)).find((line) => line.includes('commit_duration_seconds_sum'));
    const seconds = Number(sum?.split(' ')[1]);
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(most);
  });

  test('of an Agent are gone when it is deleted, with each value of the other labels', async () => {
    const { meters, exposition } = createMeters();
    for (const agent of ['web', 'api']) {
      meters.instanceStarts.inc(ofAgent(agent));
      meters.instanceExits.inc({ ...ofAgent(agent), cause: 'Stop' });
      meters.instanceExits.inc({ ...ofAgent(agent), cause: 'Lost' });
    }
    meters.forgetAgent('default/web');
    const samples = await samplesOf(exposition);
    expect(samples.filter((line) => line.includes('"web"'))).toEqual([]);
    expect(samples.filter((line) => line.includes('"api"'))).toHaveLength(3);
  });

  test('that are gauges ask all readers at each scrape, and forget what is not read again', async () => {
    const { meters, exposition } = createMeters();
    let waiting: readonly [Parameters<Meters['instanceStarts']['inc']>[0], number][] = [
      [ofAgent('web'), 2],
      [ofAgent('api'), 1],
    ];
    meters.mailboxMessages.read(() => waiting);
    meters.mailboxMessages.read(() => [[ofAgent('other'), 5]]);
    expect((await samplesOf(exposition)).filter((line) => line.includes('mailbox'))).toHaveLength(3);
    waiting = [[ofAgent('web'), 3]];
    expect((await samplesOf(exposition)).filter((line) => line.includes('mailbox'))).toEqual([
      'agentctl_mailbox_messages{namespace="default",agent="web"} 3',
      'agentctl_mailbox_messages{namespace="default",agent="other"} 5',
    ]);
  });

  test('of two controllers in one process are apart', async () => {
    const [one, other] = [createMeters(), createMeters()];
    one.meters.instanceStarts.inc(ofAgent('web'));
    expect(await samplesOf(other.exposition)).not.toContainEqual(expect.stringContaining('"web"'));
  });

  test('that measure nothing can be used like the others', () => {
    noMeters.instanceStarts.inc(ofAgent('web'));
    noMeters.commitSeconds.startTimer()({ database: 'store', result: 'Failed' });
    noMeters.forgetAgent('default/web');
  });
});

import * as prometheus from 'prom-client';
import type { Exposition, Meters } from './meters.ts';
import { type Metric, metrics } from './metrics.ts';

/** Returns meters with a registry of their own, and what a scrape reads of them. */
export function createMeters(): { meters: Meters; exposition: Exposition } {
  const registry = new prometheus.Registry();
  const made = Object.entries<Metric>(metrics).map(([name, metric]) => [name, createMeter(metric, registry)]);
  const ofAgents = Object.entries<Metric>(metrics).filter(([, { labels }]) => 'agent' in labels);
  let scraped = false;
  const meters = {
    ...Object.fromEntries(made),
    forgetAgent(key) {
      const [namespace = '', agent = ''] = key.split('/');
      for (const [, { name, labels }] of ofAgents)
        for (const series of seriesOf({ namespace, agent }, labels))
          registry.getSingleMetric(name)?.remove(series);
    },
  } as Meters; // createMeter returns what the type of each metric needs
  return {
    meters,
    exposition: {
      contentType: registry.contentType,
      text() {
        // The metrics of the process have a price, such as a timer of 10 ms. So nobody pays who does not scrape.
        if (!scraped) prometheus.collectDefaultMetrics({ register: registry });
        scraped = true;
        return registry.metrics();
      },
    },
  };
}

function createMeter({ name, help, type, labels, buckets }: Metric, registry: prometheus.Registry): object {
  const common = { name, help, labelNames: Object.keys(labels), registers: [registry] };
  switch (type) {
    case 'counter':
      return new prometheus.Counter(common);
    case 'histogram':
      return new prometheus.Histogram({ ...common, ...(buckets && { buckets: [...buckets] }) });
    case 'gauge': {
      const readers: Parameters<Meters['buildInfo']['read']>[0][] = [];
      new prometheus.Gauge({
        ...common,
        collect() {
          this.reset();
          for (const read of readers) for (const [labels, value] of read()) this.set(labels, value);
        },
      });
      return { read: (reader: (typeof readers)[number]) => void readers.push(reader) };
    }
  }
}

/** Returns the labels of all series that an Agent can have: those of its own, with each value of the others. */
function seriesOf(agent: object, labels: Metric['labels']): object[] {
  return Object.entries(labels).reduce<object[]>(
    (series, [label, values]) =>
      typeof values === 'string'
        ? series
        : series.flatMap((one) => values.map((value) => ({ ...one, [label]: value }))),
    [agent],
  );
}

/** docs/metrics.md: all metrics, from the table that the controller creates them from. */
import { type Metric, metrics } from '../../src/platform/metrics.ts';

const introduction = `<!-- Written by \`make generate\` from src/platform/metrics.ts. Do not edit. -->
# Metrics

The controller serves these metrics at \`/metrics\`, in the text format of Prometheus.
[Operations](operations.md#metrics) says how to scrape them. The list of a label is complete, except for kinds, paths,
status codes, versions, and the names of Agents, whose series are removed when the Agent is deleted.
`;

const end = `The names that begin with \`process_\` and \`nodejs_\` are those of every Node program with
[prom-client](https://github.com/siimon/prom-client): CPU, memory, open files, garbage collection, and the delay of the
event loop. They begin with the first scrape. \`nodejs_eventloop_lag_p99_seconds\` and its siblings are measured with a
timer of 10 ms and include it: 0.01 is an event loop at rest.
`;

export function generateMetrics(): string {
  return `${introduction}\n${Object.values(metrics).map(sectionOf).join('\n')}\n## Of the process\n\n${end}`;
}

function sectionOf({ name, type, help, labels }: Metric): string {
  const lines = Object.entries(labels).map(
    ([label, values]) =>
      `- \`${label}\`: ${typeof values === 'string' ? values : values.map((value) => `\`${value}\``).join(', ')}`,
  );
  const list = lines.length === 0 ? '' : `\n${lines.join('\n')}\n`;
  return `## ${name}\n\nA ${type}. ${help}\n${list}`;
}

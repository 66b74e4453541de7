export interface BenchAgent {
  minReady?: string;
  /** Lines under spec, two spaces deep. */
  spec?: string;
  /** Lines under spec.template, four spaces deep. */
  template: string;
}

/** A manifest of so many agents, bench-0 and on. */
export const manifestOf = (count: number, { minReady = '0s', spec = '', template }: BenchAgent): string =>
  Array.from(
    { length: count },
    (_, n) => `apiVersion: agentctl.dev/v1
kind: Agent
metadata: { name: bench-${n} }
spec:
  minReady: ${minReady}
${spec}
  template:
${template}
`,
  ).join('---\n');

export const sleeper = '    command: [sleep, "1000"]';

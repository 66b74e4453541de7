import { agent, forever, type Stage } from './runtimes.ts';

/** Manifests that the stories of Syncs push. */

const onProcess: Stage = {
  name: 'process',
  template: '',
  open: () => Promise.reject(new Error('stories of Syncs open their own sessions')),
};

/** An Agent that runs until it is stopped, with a value that restarts it when it changes. */
export const web = (name: string, greeting = 'hello', stage: Stage = onProcess): string =>
  agent(stage, { name, run: forever, template: `    env: [{ name: GREETING, value: ${greeting} }]` });

/** An Agent that is never started, for stories in which nothing needs to run. */
export const idle = (name: string, fields = ''): string => `
apiVersion: agentctl.dev/v1
kind: Agent
metadata: { name: ${name} }
spec:
  suspend: true
${fields}
  template: { command: ["true"] }
---
`;

/** A ConfigMap with one value. `metadata`: more fields, as `annotations: { a: b }`. */
export const settings = (name: string, value: string, metadata = ''): string =>
  `{ apiVersion: v1, kind: ConfigMap, metadata: { name: ${name}, ${metadata} }, data: { value: ${value} } }\n---\n`;

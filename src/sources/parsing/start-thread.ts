import { type ResourceLimits, Worker } from 'node:worker_threads';

/** Starts entry.ts. A bundle has the code itself in place of this file: scripts/bundle/thread.ts. */
export const startThread = (resourceLimits: ResourceLimits): Worker =>
  new Worker(new URL('./entry.ts', import.meta.url), {
    resourceLimits,
    env: {},
    execArgv: [],
    name: 'parser',
  });

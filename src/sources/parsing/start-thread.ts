import { type ResourceLimits, Worker } from 'node:worker_threads';

/** Starts entry.ts. A bundle replaces this file with scripts/bundle/thread.ts, which contains the code itself. */
export const startThread = (resourceLimits: ResourceLimits): Worker =>
  new Worker(new URL('./entry.ts', import.meta.url), {
    resourceLimits,
    env: {},
    execArgv: [],
    name: 'parser',
  });

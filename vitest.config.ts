import { defineConfig } from 'vitest/config';

/** Scenarios that share nothing with the others, which use the same names on one engine: they run beside them. */
const apart = ['test/scenarios/sync*.test.ts', 'test/scenarios/cases/{objects,controller,disk}.test.ts'];
/** Fetches 2 GB, once. In halves, so that two agents are tried at once: `--project 'published*'`. */
const published = 'test/scenarios/published.test.ts';
const common = {
  environment: 'node' as const,
  restoreMocks: true,
  setupFiles: ['test/setup.ts'],
  // All limits of time are those of a machine with much other work: a test waits for a condition, and does not measure.
  expect: { poll: { timeout: 30_000 } },
};

export default defineConfig({
  test: {
    update: 'none', // a golden file that is missing fails; --update writes it
    projects: [
      {
        test: {
          ...common,
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/scenarios/**', 'test/bench/**'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: 2, // most of them wait for engines, git or hosts
        },
      },
      // Whole controllers and engines: one after the other, so that they do not starve each other on a small machine.
      {
        test: {
          ...common,
          name: 'scenarios',
          include: ['test/scenarios/**/*.test.ts'],
          exclude: [...apart, published],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          ...common,
          name: 'apart',
          include: apart,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
      ...['1/2', '2/2'].map((share) => ({
        test: {
          ...common,
          name: `published ${share}`,
          include: [published],
          env: { AGENTCTL_TEST_SHARE: share },
          maxWorkers: 2, // both at once: most of the time they wait for agents
          retry: 2, // a check that fails puts the agent back; what others publish is not ours to make steady
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      })),
    ],
  },
});

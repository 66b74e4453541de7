import { defineConfig } from 'vitest/config';
import { packages } from './packages.ts';

/** The tests of one package alone: each mutant runs all that reach it. */
const name = process.env.MUTATION_PACKAGE ?? 'plan';
const one = packages[name];
if (one === undefined)
  throw new Error(`MUTATION_PACKAGE is ${name}: use ${Object.keys(packages).join(', ')}`);

export default defineConfig({
  test: {
    environment: 'node',
    restoreMocks: true,
    setupFiles: ['test/setup.ts'],
    expect: { poll: { timeout: 30_000 } },
    testTimeout: 60_000,
    include: [...one.tests],
  },
});

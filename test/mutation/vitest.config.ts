import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { packages } from './packages.ts';

const name = process.env.MUTATION_PACKAGE ?? '';
const one = packages[name];
if (one === undefined)
  throw new Error(`MUTATION_PACKAGE is "${name}": use one of ${Object.keys(packages).join(', ')}`);

/** Tables first: most mutants are killed by them, and a property takes longer. */
class TablesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isProperty = ({ moduleId }: TestSpecification): number => Number(moduleId.includes('/properties/'));
    return files.toSorted((a, b) => isProperty(a) - isProperty(b) || a.moduleId.localeCompare(b.moduleId));
  }
}

/** The tests of one package alone: each mutant runs all that reach it. */
export default defineConfig({
  test: {
    environment: 'node',
    restoreMocks: true,
    setupFiles: ['test/mutation/setup.ts'],
    expect: { poll: { timeout: 30_000 } },
    testTimeout: 60_000,
    isolate: false, // modules are loaded once, not for each mutant
    sequence: { sequencer: TablesFirst },
    include: [...one.tests],
  },
});

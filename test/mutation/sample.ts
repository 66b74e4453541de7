/** A plugin of Stryker that leaves out all mutants but a random sample: its report has them as CompileError. */
import { createHash } from 'node:crypto';

interface Mutant {
  id: string;
}

/** The same seed, files and code give the same sample. `percent`: 0 to 100. */
export function isSampled({ id }: Mutant, percent: number, seed: string): boolean {
  const drawn = createHash('sha256').update(`${seed} ${id}`).digest().readUInt32BE();
  return drawn < (percent / 100) * 2 ** 32;
}

const { SAMPLE: percent = '100', SEED: seed = '' } = process.env;

export const strykerPlugins = [
  {
    kind: 'Checker',
    name: 'sample',
    injectableClass: class {
      async init(): Promise<void> {}

      async check(mutants: readonly Mutant[]): Promise<Record<string, { status: string; reason: string }>> {
        const results = mutants.map((mutant) => {
          const status = isSampled(mutant, Number(percent), seed) ? 'passed' : 'compileError';
          return [mutant.id, { status, reason: 'not in the sample' }];
        });
        return Object.fromEntries(results);
      }

      async group(mutants: readonly Mutant[]): Promise<string[][]> {
        return [mutants.map(({ id }) => id)];
      }
    },
  },
];

/** What `make mutate` changes, and the tests that must notice. */
interface Package {
  mutate: readonly string[];
  tests: readonly string[];
}

export const packages: Readonly<Record<string, Package>> = {
  plan: {
    mutate: ['src/plan/**/*.ts'],
    tests: ['test/plan/**/*.test.ts', 'test/properties/plan*.test.ts'],
  },
  registry: {
    mutate: ['src/registry/**/*.ts'],
    tests: ['test/registry/**/*.test.ts', 'test/properties/{registry,ownership}.test.ts'],
  },
  conversations: {
    mutate: ['src/conversations/**/*.ts'],
    tests: ['test/conversations/**/*.test.ts'],
  },
};

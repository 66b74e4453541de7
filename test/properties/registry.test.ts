import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ApiError } from '../../src/api/errors.ts';
import { kindInfo, kinds } from '../../src/api/kinds.ts';
import type { Patch } from '../../src/client/resources.ts';
import { harness } from '../registry/harness.ts';

const key = { namespace: 'default', name: 'a' };
const word = fc.constantFrom(
  'a',
  'default',
  '',
  '__proto__',
  'constructor',
  'f:x',
  '[{}]',
  '0',
  '-1',
  'x/y',
  '\u0000',
);
const junk = fc.oneof(word, fc.jsonValue({ maxDepth: 2 }));

/** Objects that are right in places and wrong in others. */
const metadata = fc.record(
  {
    name: fc.oneof({ weight: 5, arbitrary: fc.constant('a') }, junk),
    namespace: fc.oneof({ weight: 5, arbitrary: fc.constant('default') }, junk),
    labels: fc.oneof(fc.dictionary(word, junk), junk),
    finalizers: fc.oneof(fc.array(junk, { maxLength: 2 }), junk),
    ownerReferences: fc.oneof(fc.array(junk, { maxLength: 2 }), junk),
    managedFields: fc.oneof(fc.array(junk, { maxLength: 2 }), junk),
    uid: junk,
    resourceVersion: junk,
    generation: junk,
    deletionTimestamp: junk,
    generateName: junk,
  },
  { requiredKeys: [] },
);
const spec = fc.record(
  {
    template: fc.oneof(
      fc.record(
        { command: junk, env: fc.oneof(fc.array(junk, { maxLength: 3 }), junk) },
        { requiredKeys: [] },
      ),
      junk,
    ),
    policy: junk,
    replicas: junk,
    readiness: junk,
    surplus: junk,
  },
  { requiredKeys: [] },
);

const anyKind = fc.constantFrom(...kinds.map(({ kind }) => kind));
const body = fc.record(
  {
    metadata: fc.oneof({ weight: 5, arbitrary: metadata }, junk),
    spec: fc.oneof({ weight: 5, arbitrary: spec }, junk),
    data: fc.oneof(fc.dictionary(word, junk), junk),
    stringData: fc.oneof(fc.dictionary(word, junk), junk),
    status: junk,
  },
  { requiredKeys: [] },
);
const step = fc.record({
  op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test', 'x'),
  path: junk,
  value: junk,
  from: junk,
});
const subresource = fc.constantFrom(undefined, undefined, 'status' as const, 'scale' as const);

test('whatever a client sends, the registry answers with an object or with an ApiError', async () => {
  const { registry } = await harness();
  const options = { fieldManager: 'test', force: true };
  let succeeded = 0;
  await fc.assert(
    fc.asyncProperty(
      anyKind,
      body,
      fc.array(step, { maxLength: 2 }),
      subresource,
      async (kind, body, steps, subresource) => {
        const whole = { apiVersion: kindInfo(kind).apiVersion, kind, ...body };
        const patches: Patch[] = [
          { type: 'apply', body: whole },
          { type: 'merge', body },
          { type: 'json', body: steps },
        ];
        const calls = [
          () => registry.create(kind, {}, whole, options),
          ...patches.map((patch) => () => registry.patch(kind, key, patch, { ...options, subresource })),
          () => registry.update(kind, key, whole, { ...options, subresource }),
          () => registry.updateScale(kind, key, whole, options),
        ];
        for (const call of calls) {
          const error = await call().then(
            () => undefined,
            (error: unknown) => error,
          );
          if (error === undefined) succeeded += 1;
          else expect(error).toBeInstanceOf(ApiError);
        }
      },
    ),
    { numRuns: 500 },
  );
  expect(succeeded).toBeGreaterThan(100);
});

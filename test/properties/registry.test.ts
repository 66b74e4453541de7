import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ApiError } from '../../src/api/errors.ts';
import type { Kind } from '../../src/api/objects.ts';
import type { Patch } from '../../src/client/resources.ts';
import { harness } from '../registry/harness.ts';

const key = { namespace: 'default', name: 'a' };
const metadata = { name: 'a' };
const objects: Partial<Record<Kind, object>> = {
  Agent: {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Agent',
    metadata,
    spec: { template: { command: ['x'], env: [{ name: 'A', value: '1' }] } },
  },
  Secret: { apiVersion: 'v1', kind: 'Secret', metadata, data: { a: 'eA==' }, stringData: { b: 'x' } },
  Revision: { apiVersion: 'agentctl.dev/v1', kind: 'Revision', metadata, revision: 1, data: { a: {} } },
  Event: { apiVersion: 'v1', kind: 'Event', metadata, involvedObject: { kind: 'Agent', name: 'a' } },
};

const names = [
  'name',
  'namespace',
  'generateName',
  'uid',
  'resourceVersion',
  'generation',
  'labels',
  'annotations',
];
const lists = ['finalizers', 'ownerReferences', 'managedFields', 'creationTimestamp', 'deletionTimestamp'];
const paths = [
  ...[...names, ...lists].map((name) => ['metadata', name]),
  ...['template', 'policy', 'replicas', 'readiness', 'surplus'].map((name) => ['spec', name]),
  ...['command', 'env', 'volumes', 'resources', 'files'].map((name) => ['spec', 'template', name]),
  ...['apiVersion', 'kind', 'metadata', 'spec', 'status', 'data', 'stringData', 'revision', 'surplus'].map(
    (name) => [name],
  ),
];
const word = fc.constantFrom(
  'a',
  'default',
  '',
  '__proto__',
  'constructor',
  'f:x',
  '.',
  '0',
  '-1',
  'x/y',
  '\u0000',
);
const value = fc.oneof(
  word,
  fc.dictionary(word, word),
  fc.array(word, { maxLength: 3 }),
  fc.jsonValue({ maxDepth: 2 }),
);
const changes = fc.array(fc.tuple(fc.constantFrom(...paths), value), { maxLength: 3 });
const step = fc.record({
  op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test', 'x'),
  path: fc.oneof(value, fc.constantFrom(...paths.map((path) => `/${path.join('/')}`))),
  value,
  from: value,
});

/** A right object, made wrong in up to three places. */
function changed(object: object, places: (readonly [readonly string[], unknown])[]): object {
  return places.reduce<object>((object, [path, value]) => put(object, path, value), object);
}

function put(node: unknown, [name, ...rest]: readonly string[], value: unknown): object {
  const fields = typeof node === 'object' && node !== null ? Object.entries(node) : [];
  const old = fields.find(([field]) => field === name)?.[1];
  return Object.fromEntries([...fields, [name, rest.length === 0 ? value : put(old, rest, value)]]);
}

test('whatever a client sends, the registry answers with an object or with an ApiError', async () => {
  const { registry } = await harness();
  const options = { fieldManager: 'test', force: true };
  const counts = { answered: 0, refused: 0 };
  const subresource = fc.constantFrom(undefined, undefined, 'status' as const, 'scale' as const);
  const kind = fc.constantFrom(...(Object.keys(objects) as Kind[])); // its keys are kinds
  await fc.assert(
    fc.asyncProperty(
      kind,
      changes,
      fc.array(step, { maxLength: 2 }),
      subresource,
      async (kind, places, steps, subresource) => {
        const body = changed(objects[kind] ?? {}, places);
        const patches: Patch[] = [
          { type: 'apply', body },
          { type: 'merge', body: changed({}, places) },
          { type: 'json', body: steps },
        ];
        const below = { ...options, subresource };
        const calls = [
          () => registry.create(kind, {}, body, options),
          ...patches.map((patch) => () => registry.patch(kind, key, patch, below)),
          () => registry.update(kind, key, body, below),
          () => registry.updateScale(kind, key, body, options),
        ];
        for (const call of calls) {
          const error = await call().then(
            () => undefined,
            (error: unknown) => error,
          );
          counts[error === undefined ? 'answered' : 'refused'] += 1;
          if (error !== undefined) expect(error).toBeInstanceOf(ApiError);
        }
      },
    ),
    { numRuns: 500 },
  );
  expect(Math.min(counts.answered, counts.refused)).toBeGreaterThan(200);
});

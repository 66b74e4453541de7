import fc from 'fast-check';
import { expect, test } from 'vitest';
import { kinds } from '../../src/api/kinds.ts';
import { prune, unknownFields } from '../../src/api/shape.ts';
import { validateObject } from '../../src/api/validation.ts';

test('any value can be validated without a throw', () => {
  fc.assert(
    fc.property(fc.constantFrom(...kinds), fc.jsonValue(), fc.jsonValue(), (info, spec, metadata) => {
      const object = {
        apiVersion: info.apiVersion,
        kind: info.kind,
        metadata,
        spec,
        data: spec,
        status: spec,
      };
      for (const value of [spec, object]) {
        validateObject(info, value);
        unknownFields(info.schema, value);
        prune(info.schema, value);
      }
    }),
  );
});

test('a value that says how it becomes a text is called what it is', () => {
  const odd = { toString: '' };
  for (const info of kinds) {
    const object = {
      apiVersion: info.apiVersion,
      kind: info.kind,
      metadata: { name: 'a', labels: { a: odd }, annotations: { a: odd }, finalizers: [odd] },
      spec: { driver: 'docker', allowHostPaths: [odd], source: { directory: { path: '/', include: [odd] } } },
      data: { a: odd },
    };
    expect(validateObject(info, object)).not.toEqual([]);
  }
});

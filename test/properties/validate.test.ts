import fc from 'fast-check';
import { test } from 'vitest';
import { kinds } from '../../src/api/kinds.ts';
import { prune, unknownFields, validateObject } from '../../src/api/validate.ts';

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

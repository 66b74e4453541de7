import { describe, expect, test } from 'vitest';
import { kindInfo } from '../../src/api/kinds.ts';
import type { Kind } from '../../src/api/objects.ts';
import { validateUpdate } from '../../src/api/validation.ts';

describe('an update', () => {
  test.each<[string, Kind, object, object, string[]]>([
    [
      'of the driver of a Runtime',
      'Runtime',
      { spec: { driver: 'docker' } },
      { spec: { driver: 'process' } },
      ['spec.driver'],
    ],
    [
      'of the Agent and the number of an Instance',
      'Instance',
      { spec: { agentName: 'a', ordinal: 0 } },
      { spec: { agentName: 'b', ordinal: 1 } },
      ['spec.agentName', 'spec.ordinal'],
    ],
    [
      'of the Runtime of an Instance',
      'Instance',
      { spec: { runtimeRef: { name: 'a' } } },
      { spec: { runtimeRef: { name: 'b' } } },
      [],
    ],
    ['of a Revision', 'Revision', { data: { a: 1 } }, { data: { a: 2 } }, ['data']],
    [
      'of an immutable ConfigMap',
      'ConfigMap',
      { immutable: true, data: { a: '1' } },
      { immutable: true, data: {} },
      ['data'],
    ],
    ['that makes it mutable again', 'Secret', { immutable: true }, {}, ['immutable']],
    ['of a mutable ConfigMap', 'ConfigMap', { data: { a: '1' } }, { data: {} }, []],
    ['of an Agent', 'Agent', { spec: {} }, { spec: { replicas: 2 } }, []],
  ])('%s', (_, kind, before, after, paths) => {
    const errors = validateUpdate(kindInfo(kind), { ...after }, { ...before });
    expect(errors.map((error) => error.path.join('.'))).toEqual(paths);
  });
});

import { describe, expect, test } from 'vitest';
import { ApiError } from '../../src/api/errors.ts';
import { decodeProtobuf } from '../../src/server/protobuf.ts';
import { growthOf } from '../growth.ts';

const bytes = (base64: string): Buffer => Buffer.from(base64, 'base64');

/** Just enough of an encoder: numbers, texts and messages. */
function encode(...fields: [number, number | string | Buffer][]): Buffer {
  const varint = (value: number): number[] =>
    value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
  return Buffer.concat(
    fields.map(([number, value]) => {
      if (typeof value === 'number') return Buffer.from([...varint(number << 3), ...varint(value)]);
      const content = Buffer.from(value);
      return Buffer.concat([Buffer.from([...varint((number << 3) | 2), ...varint(content.length)]), content]);
    }),
  );
}

const wrap = (apiVersion: string, kind: string, raw: Buffer): Buffer =>
  Buffer.concat([Buffer.from('k8s\0'), encode([1, encode([1, apiVersion], [2, kind])], [2, raw])]);

describe('what kubectl 1.32 sends', () => {
  test.each([
    [
      'create namespace',
      'azhzAAoPCgJ2MRIJTmFtZXNwYWNlEhsKEwoDZm9vEgAaACIAKgAyADgAQgASABoCCgAaACIA',
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'foo' }, spec: {}, status: {} },
    ],
    [
      'create secret generic',
      'azhzAAoMCgJ2MRIGU2VjcmV0EiwKFQoCczESABoDZm9vIgAqADIAOABCABIGCgFhEgFiEgkKBWVtcHR5EgAaABoAIgA=',
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 's1', namespace: 'foo' },
        data: { a: 'Yg==', empty: '' },
      },
    ],
    [
      'create configmap',
      'azhzAAoPCgJ2MRIJQ29uZmlnTWFwEh8KFQoCYzESABoDZm9vIgAqADIAOABCABIGCgFhEgFiGgAiAA==',
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c1', namespace: 'foo' }, data: { a: 'b' } },
    ],
    [
      'auth can-i list agents',
      'azhzAAoyChdhdXRob3JpemF0aW9uLms4cy5pby92MRIXU2VsZlN1YmplY3RBY2Nlc3NSZXZpZXcSSwoQCgASABoAIgAqADIAOABCABItCisKB2RlZmF1bHQSBGxpc3QaDGFnZW50Y3RsLmRldiIAKgZhZ2VudHMyADoAGggIABIAGgAgABoAIgA=',
      {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: {
          resourceAttributes: {
            namespace: 'default',
            verb: 'list',
            group: 'agentctl.dev',
            resource: 'agents',
          },
        },
      },
    ],
  ])('%s', (_, body, object) => {
    expect(decodeProtobuf(bytes(body))).toEqual(object);
  });
});

test('times, lists, numbers and fields of managers', () => {
  const time = encode([1, 1_769_860_800], [2, 250_000_000]);
  const manager = encode([1, 'kubectl'], [2, 'Update'], [4, time], [7, encode([1, '{"f:data":{}}'])]);
  const metadata = encode([1, 'c'], [7, 300], [8, time], [14, 'a'], [14, 'b'], [17, manager]);
  expect(decodeProtobuf(wrap('v1', 'ConfigMap', encode([1, metadata], [4, 1])))).toEqual({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: 'c',
      generation: 300,
      creationTimestamp: '2026-01-31T12:00:00Z',
      finalizers: ['a', 'b'],
      managedFields: [
        { manager: 'kubectl', operation: 'Update', time: '2026-01-31T12:00:00Z', fieldsV1: { 'f:data': {} } },
      ],
    },
    immutable: true,
  });
});

test('a key of any name is only a key', () => {
  const entry = encode([1, '__proto__'], [2, 'x']);
  const read = decodeProtobuf(wrap('v1', 'ConfigMap', encode([2, entry])));
  expect(Object.keys(read?.data as object)).toEqual(['__proto__']);
});

test('a kind that clients do not send so is not read', () => {
  expect(decodeProtobuf(wrap('agentctl.dev/v1', 'Agent', encode([1, 'x'])))).toBeUndefined();
  expect(decodeProtobuf(wrap('v1', 'constructor', encode([1, 'x'])))).toBeUndefined();
});

test('what is cut off anywhere is refused or read in part, never a crash', () => {
  const whole = bytes(
    'azhzAAoMCgJ2MRIGU2VjcmV0EiwKFQoCczESABoDZm9vIgAqADIAOABCABIGCgFhEgFiEgkKBWVtcHR5EgAaABoAIgA=',
  );
  for (let length = 0; length < whole.length; length++) {
    try {
      decodeProtobuf(whole.subarray(0, length));
    } catch (error) {
      expect(error).toBeInstanceOf(ApiError);
    }
  }
});

test('many entries are read in a time that grows with their number alone', async () => {
  const bytesOf = (count: number): Buffer =>
    wrap(
      'v1',
      'ConfigMap',
      encode(...Array.from({ length: count }, (_, n): [number, Buffer] => [2, encode([1, `k${n}`])])),
    );
  const sizes = new Map([10_000, 100_000].map((count) => [count, bytesOf(count)]));
  const decode = (count: number): unknown => decodeProtobuf(sizes.get(count) ?? Buffer.alloc(0));
  expect(await growthOf(decode, [10_000, 100_000])).toBeLessThan(1.5);
});

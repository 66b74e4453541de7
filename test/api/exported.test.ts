import { expect, test } from 'vitest';
import { droppedText, withoutServerFields } from '../../src/api/objects.ts';

test('what the server sets is left out of an exported object, and named', () => {
  const object = {
    kind: 'Agent',
    metadata: { name: 'a', labels: { x: 'y' }, uid: '1', resourceVersion: '7', creationTimestamp: null },
    spec: { replicas: 2 },
    status: { phase: 'Ready' },
  };
  const { object: kept, dropped } = withoutServerFields(object);
  expect(kept).toEqual({ kind: 'Agent', metadata: { name: 'a', labels: { x: 'y' } }, spec: { replicas: 2 } });
  expect(dropped).toEqual(['metadata.uid', 'metadata.resourceVersion', 'status']);
  expect(droppedText(dropped)).toBe(
    'metadata.uid, metadata.resourceVersion, status are set by the server, and ignored here: remove them from the manifest',
  );
});

test('what programs write for nothing is not told', () => {
  expect(withoutServerFields({ metadata: { name: 'a', creationTimestamp: null }, status: {} })).toEqual({
    object: { metadata: { name: 'a' } },
    dropped: [],
  });
});

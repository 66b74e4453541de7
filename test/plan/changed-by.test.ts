import { expect, test } from 'vitest';
import type { ManagedFieldsEntry } from '../../src/api/gen/types.gen.ts';
import { revisionStep } from '../../src/plan/revision.ts';
import { defaultSettings } from '../../src/plan/settings.ts';
import { Story } from './story.ts';

const spec = { 'f:spec': {} };

test.each<[string, ManagedFieldsEntry[], string | undefined]>([
  [
    'who wrote it last',
    [
      { manager: 'kubectl-edit', time: '2026-01-31T12:00:01Z', fieldsV1: spec },
      { manager: 'agentctl', time: '2026-01-31T12:00:00Z', fieldsV1: spec },
    ],
    'kubectl-edit',
  ],
  [
    'not who wrote labels or the status',
    [
      { manager: 'agentctl', time: '2026-01-31T12:00:00Z', fieldsV1: spec },
      { manager: 'kubectl-label', time: '2026-01-31T12:00:01Z', fieldsV1: { 'f:metadata': {} } },
      { manager: 'controller', time: '2026-01-31T12:00:02Z', fieldsV1: spec, subresource: 'status' },
    ],
    'agentctl',
  ],
  ['nobody where nobody is known', [], undefined],
])('a Revision says %s', (_, managedFields, by) => {
  const story = Story.ready();
  const { world } = story;
  const agent = { ...world.agent, metadata: { ...world.agent.metadata, managedFields } };
  const { create } = revisionStep({ ...world, agent, revisions: [] }, defaultSettings);
  expect(create).toMatchObject({ type: 'CreateRevision' });
  if (create?.type === 'CreateRevision')
    expect(create.revision.metadata.annotations?.['agentctl.dev/changed-by']).toBe(by);
});

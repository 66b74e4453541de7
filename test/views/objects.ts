import { kindInfo } from '../../src/api/kinds.ts';
import type { Conversation, Message, MessageStatus, ObjectMeta, Sync } from '../../src/api/objects.ts';
import { withDefaults } from '../../src/api/shape.ts';

export const noon = '2026-01-31T12:00:00Z';

export const metaOf = (name: string, more: Partial<ObjectMeta> = {}): ObjectMeta => ({
  name,
  namespace: 'default',
  uid: `uid-${name}`,
  resourceVersion: '1',
  creationTimestamp: noon,
  ...more,
});

export const messageOf = (
  name: string,
  status?: MessageStatus,
  spec: Partial<Message['spec']> = {},
): Message => ({
  apiVersion: 'subresources.agentctl.dev/v1',
  kind: 'Message',
  metadata: metaOf(name),
  spec: {
    agentRef: { name: 'web' },
    conversation: 'c-1',
    from: 'user:ann',
    kind: 'Chat',
    text: `text of ${name}`,
    ...spec,
  },
  ...(status && { status }),
});

export const conversationOf = (name: string, status: Conversation['status'] = {}): Conversation => ({
  apiVersion: 'subresources.agentctl.dev/v1',
  kind: 'Conversation',
  metadata: metaOf(name),
  spec: { agentRef: { name: 'web' } },
  status,
});

export const syncOf = (spec: object, status?: Sync['status']): Sync => ({
  apiVersion: 'agentctl.dev/v1',
  kind: 'Sync',
  metadata: metaOf('fleet'),
  spec: withDefaults(kindInfo('Sync').schema.properties?.spec ?? {}, spec) as Sync['spec'], // the defaults make it whole
  ...(status && { status }),
});

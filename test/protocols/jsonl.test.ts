import { expect, test } from 'vitest';
import { jsonl } from '../../src/protocols/protocol-index.ts';
import { type FakeAgent, protocolContract } from '../contracts/protocol.ts';
import { fakeJsonlAgent, fakeOldJsonlAgent } from '../fakes/jsonl-agent.ts';
import { fits } from './jsonl-schema.ts';

const garbage = [
  '{}',
  '{"type":7}',
  '{"type":"hello"}',
  '{"type":"ready","canResume":"yes"}',
  '{"type":"ready","agent":"bob"}',
  '{"type":"ack"}',
  '{"type":"ack","messageId":7}',
  '{"type":"event","conversationId":"conversation-of-m1","event":"text"}',
  '{"type":"event","conversationId":"conversation-of-m1"}',
  '{"type":"event","conversationId":7,"event":{"type":"text","text":"x"}}',
  '{"type":"chat_done","messageId":["m1"]}',
  '{"type":"route_request","requestId":"r","message":"x"}',
  '{"type":"route_request","requestId":"","toId":"bob","message":"x"}',
  '{"type":"route_done","requestId":"m1","response":{"text":"x"}}',
  '{"type":"mgmt_request","requestId":"r"}',
  '{"type":"query_response","data":{}}',
  '{"type":"query_response","requestId":"r","error":{}}',
  '{"type":"bg_event","source":"timer","event":[]}',
  '{"type":"bg_done"}',
  '{"type":"usage"}',
  '{"type":"usage","messageId":"m1","inputTokens":-1}',
  '{"type":"usage","messageId":"m1","inputTokens":1.5}',
  '{"type":"usage","messageId":"m1","cost":{"amount":"1","currency":"USD"}}',
  '{"type":"usage","messageId":"m1","totalTokens":1,"counts":"day"}',
  '{"type":"quota","message":"x","until":"tomorrow"}',
  '{"type":"quota","message":"x","until":9000000000000000}',
  '{"type":"error","messageId":"m1"}',
  `{"type":"event","conversationId":"conversation-of-m1","event":${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}}`,
];

test.each(garbage.slice(0, -1))('the schema refuses %s too', (line) => {
  expect(fits('fromAgent', line)).toBe(false);
});

const agents: (() => FakeAgent)[] = [
  () => fakeJsonlAgent(),
  () =>
    fakeJsonlAgent({
      agent: { name: 'bob', version: '3' },
      cancel: true,
      canResume: true,
      controls: { model: true },
    }),
  fakeOldJsonlAgent,
];
for (const agent of agents) protocolContract({ protocol: jsonl, agent, garbage });

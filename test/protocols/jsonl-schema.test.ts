import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonl } from '../../src/protocols/protocol-index.ts';
import { open } from '../contracts/protocol/world.ts';
import { fakeJsonlAgent } from '../fakes/jsonl-agent.ts';
import { checkLine, fits, namesOf } from './jsonl-schema.ts';

const page = readFileSync('schemas/jsonl/README.md', 'utf8');

describe('the schema of the line protocol', () => {
  test('has what workers of the old supervisor speak', () => {
    expect(namesOf('toAgent')).toEqual(
      expect.arrayContaining([
        'chat',
        'route',
        'route_response',
        'query',
        'mgmt_response',
        'peers_update',
        'shutdown',
      ]),
    );
    expect(namesOf('fromAgent')).toEqual(
      expect.arrayContaining(
        'ready ack event chat_done route_request route_done mgmt_request query_response bg_event bg_done error'.split(
          ' ',
        ),
      ),
    );
  });

  test('its page tells of every message, and its session is one', () => {
    for (const name of [...namesOf('toAgent'), ...namesOf('fromAgent')])
      expect(page).toContain(`| \`${name}\` |`);
    const session = [...page.matchAll(/^ {4}([<>]) (\{.*\})$/gm)];
    expect(session.length).toBeGreaterThan(8);
    for (const [, way, line = ''] of session) checkLine(way === '<' ? 'fromAgent' : 'toAgent', line);
  });

  test('and the protocol agree on which lines mean something', () => {
    const value = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom('x', 'y', 'turn', 'session') },
      fc.constantFrom('', 0, 1, 1.5, -1, true, null, [], 'tomorrow', '2026-03-01T12:00:00Z'),
      fc.constantFrom(
        {},
        { type: 'text', text: 'x' },
        { type: 'tool' },
        { name: 'x' },
        { model: true },
        { model: 1 },
      ),
      fc.constantFrom({ amount: 1, currency: 'USD' }, { amount: -1, currency: 'USD' }, { amount: 1 }),
    );
    const fields =
      'messageId conversationId event stopReason requestId toId message response action data error source until model ' +
      'inputTokens outputTokens totalTokens cachedReadTokens cost counts agent canResume cancel controls';
    const message = fc.record({
      type: fc.constantFrom(...namesOf('fromAgent'), 'dance', 'chat'),
      rest: fc.dictionary(fc.constantFrom(...fields.split(' ')), value, { maxKeys: 6 }),
    });
    let understood = 0;
    fc.assert(
      fc.property(message, ({ type, rest }) => {
        const { connection, host } = open({
          protocol: jsonl,
          agent: fakeJsonlAgent,
          garbage: [],
        });
        const line = JSON.stringify({ ...rest, type });
        connection.receive(line);
        const fitting = fits('fromAgent', line);
        if (fitting) understood += 1;
        expect(host.of('garbage')).toHaveLength(fitting ? 0 : 1);
      }),
      { numRuns: 5000 },
    );
    expect(understood).toBeGreaterThan(500);
  });
});

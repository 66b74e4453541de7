import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TurnEvent } from '../../src/protocols/turn-events.ts';
import { type TurnPart, TurnView } from '../../src/views/conversation-view.ts';

const entries = (events: readonly TurnEvent[]) =>
  events.map((event, index) => ({ seq: index + 1, at: index, event }));
const partsOf = (...events: TurnEvent[]): readonly TurnPart[] => TurnView.of(entries(events)).parts;

test('text is one part until something else happens', () => {
  expect(
    partsOf(
      { type: 'text', text: 'I ' },
      { type: 'thought', text: 'hm' },
      { type: 'text', text: 'look.' },
      { type: 'note', text: 'attempt 2' },
      { type: 'text', text: 'Done.' },
    ),
  ).toEqual([
    { part: 'text', at: 0, text: 'I look.' },
    { part: 'note', at: 3, text: 'attempt 2' },
    { part: 'text', at: 4, text: 'Done.' },
  ]);
});

test('a tool call is one part, and another when it says more or fails', () => {
  expect(
    partsOf(
      { type: 'tool', id: 't', title: 'Read', kind: 'read' },
      { type: 'tool', id: 't', status: 'in_progress' },
      { type: 'tool', id: 't', title: 'Read a.txt' },
      { type: 'tool', id: 't', status: 'failed', output: 'no such file' },
    ),
  ).toEqual([
    { part: 'tool', at: 0, title: 'Read', kind: 'read' },
    { part: 'tool', at: 2, title: 'Read a.txt', kind: 'read' },
    { part: 'toolFailed', at: 3, title: 'Read a.txt', kind: 'read', output: 'no such file' },
  ]);
});

test('of work in the background its end is a part', () => {
  expect(
    partsOf(
      { type: 'background', source: 'npm', event: {} },
      { type: 'background', source: 'npm', event: {}, done: true },
    ),
  ).toEqual([{ part: 'backgroundDone', at: 1, source: 'npm' }]);
});

test('fed by events one by one, the parts are those of the list, and what is new adds up to them', () => {
  const event = fc.oneof(
    fc.string().map((text): TurnEvent => ({ type: 'text', text })),
    fc.string().map((text): TurnEvent => ({ type: 'note', text })),
    fc.constant<TurnEvent>({ type: 'thought', text: 'hm' }),
    fc
      .tuple(
        fc.constantFrom('a', 'b'),
        fc.constantFrom('Read', 'Write', undefined),
        fc.constantFrom('failed', undefined),
      )
      .map(
        ([id, title, status]): TurnEvent => ({
          type: 'tool',
          id,
          ...(title && { title }),
          ...(status && { status }),
        }),
      ),
  );
  fc.assert(
    fc.property(fc.array(event), (events) => {
      const view = new TurnView();
      const told = entries(events).flatMap((entry) => view.take(entry) ?? []);
      expect(view.parts).toEqual(partsOf(...events));
      const text = (parts: readonly TurnPart[]): string =>
        parts.map((part) => (part.part === 'text' ? part.text : '')).join('');
      expect(text(view.parts)).toBe(text(told));
      const others = (parts: readonly TurnPart[]) => parts.filter(({ part }) => part !== 'text');
      expect(others(view.parts)).toEqual(others(told));
    }),
  );
});

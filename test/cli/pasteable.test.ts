import { expect, test } from 'vitest';
import { flagsOf, pasteable } from '../../src/cli/flags.ts';
import { verbs } from '../../src/cli/verbs.ts';

const verbNames = verbs.flatMap(({ name, aliases = [] }) => [name, ...aliases]);
const flags = flagsOf({ stateDir: '/tmp/my state', namespace: 'shop' }, verbNames);

test.each([
  [
    'Start one: agentctl controller start',
    "Start one: agentctl --state-dir '/tmp/my state' controller start",
  ],
  [
    "'agentctl resume web' lets it run, agentctl logs web too.",
    "'agentctl --state-dir '/tmp/my state' -n shop resume web' lets it run, agentctl --state-dir '/tmp/my state' -n shop logs web too.",
  ],
  ['agentctl logs web -n far --previous', "agentctl --state-dir '/tmp/my state' logs web -n far --previous"],
  [
    'To create it: agentctl create namespace shop',
    "To create it: agentctl --state-dir '/tmp/my state' create namespace shop",
  ],
  ['the controller stops; agents keep running', 'the controller stops; agents keep running'],
])('a command in a message gets the flags of this command line: %s', (text, expected) => {
  expect(pasteable(text, { flags })).toBe(expected);
});

test('without such flags messages are as they are', () => {
  const text = 'Start one: agentctl controller start';
  expect(pasteable(text, { flags: flagsOf({}, verbNames) })).toBe(text);
  expect(pasteable(text, {})).toBe(text);
});

import { expect, test } from 'vitest';
import type { AgentSpec } from '../../src/api/objects.ts';
import { specFields } from '../../src/cli/describe/agent.ts';

test.each([
  [['-c', 'sleep 5'], "-c 'sleep 5'"],
  [['-c', "trap 'exit 0' TERM\nsleep 5\nexit\n"], "-c trap 'exit 0' TERM (and 2 more lines)"],
  [['echo a\nb'], 'echo a (and 1 more line)'],
  [["it's"], "'it'\\''s'"],
])('describe tells the arguments %j as %s', (args, text) => {
  const spec = { template: { args } } as unknown as AgentSpec; // what else an Agent has is of no matter here
  expect(specFields(spec).find(([label]) => label === 'Arguments')?.[1]).toBe(text);
});

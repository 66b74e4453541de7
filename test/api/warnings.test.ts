import { describe, expect, test } from 'vitest';
import { warningsOf } from '../../src/api/warnings.ts';
import { Story } from '../plan/story.ts';
import { agentOf, policyOf } from '../plan/worlds.ts';

type Given = { maxRestarts?: number; window?: string; schedule: string[] };

const policy = ({ schedule, ...restart }: Given) => policyOf({ restart, backoff: { schedule, jitter: 0 } });

const cases: [Given, string | undefined][] = [
  [{ maxRestarts: 5, window: '20s', schedule: ['5s'] }, '25s'],
  [{ maxRestarts: 5, window: '25s', schedule: ['5s'] }, '25s'],
  [{ maxRestarts: 5, window: '26s', schedule: ['5s'] }, undefined],
  [{ maxRestarts: 0, window: '1s', schedule: ['5s'] }, undefined],
  [{ maxRestarts: 1, window: '9s', schedule: ['1s', '10s', '60s'] }, '10s'],
  [{ maxRestarts: 3, window: '2m', schedule: ['1s', '10s', '60s'] }, '2m10s'],
  [{ maxRestarts: 3, window: '3m', schedule: ['1s', '10s', '60s'] }, undefined],
  [{ window: '1s', schedule: ['5s'] }, undefined],
];

describe.each(cases)('%j', (given, figure) => {
  test(figure === undefined ? 'is no reason to warn' : `is warned of, with ${figure}`, () => {
    const found = warningsOf('Policy', { spec: policy(given) });
    if (figure === undefined) expect(found).toEqual([]);
    else expect(found).toEqual([expect.stringContaining(`take at least ${figure}.`)]);
  });

  test('so says the planner: an instance that ends at once comes to be Failed, or never does', () => {
    if (given.maxRestarts === undefined) return;
    const story = Story.ready({ policy: policy(given) });
    for (let run = 0; run < 12; run += 1) {
      story.happen({ is: 'Exit', at: 0, code: 1, cause: 'Agent', ago: 0 }).rest();
      for (let wakes = 0; wakes < 5 && story.status().phase === 'BackOff'; wakes += 1)
        story.happen({ is: 'Wake' }).rest();
    }
    expect(story.status().phase === 'Failed').toBe(figure === undefined);
  });
});

test("an Agent's own policy is warned of at its place", () => {
  const spec = { policy: policy({ maxRestarts: 5, window: '20s', schedule: ['5s'] }) };
  expect(warningsOf('Agent', agentOf(spec))).toEqual([expect.stringMatching(/^spec\.policy\.restart: /)]);
  expect(warningsOf('Agent', agentOf())).toEqual([]);
});

test('what a process asks for beside the rest is ignored, and a container gets it', () => {
  const resources = { requests: { cpu: '1' } };
  const warned = (template: object) => warningsOf('Agent', { spec: { template } });
  expect(warned({ command: ['run'], resources })).toEqual([
    expect.stringContaining('spec.template.resources.requests is ignored'),
  ]);
  expect(warned({ image: 'x', resources })).toEqual([]);
});

test('a shell that would be given one $ for two is warned of', () => {
  const template = { command: ['sh', '-c', 'echo $$'], args: ['$$(A)', '$(A)$A'] };
  expect(warningsOf('Agent', { spec: { template } })).toEqual([
    expect.stringMatching(/^spec\.template\.command\[2\]: \$\$ becomes \$,/),
  ]);
});

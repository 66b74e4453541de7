import { expect, test } from 'vitest';
import type { Action } from '../../src/plan/action.ts';
import { formatPlan } from '../../src/plan/format.ts';
import { Story } from './story.ts';
import { hour, minute, worldOf } from './worlds.ts';

const exit = { is: 'Exit', at: 0, code: 1, cause: 'Agent', ago: 0 } as const;
const image = { is: 'Image', image: 'web:2' } as const;

const stories: [name: string, story: () => Story][] = [
  ['first-apply', () => new Story(worldOf({ instances: [], revisions: [], spec: { replicas: 2 } }))],
  ['unchanged', () => Story.ready({ spec: { replicas: 2 } })],
  ['queued', () => new Story(worldOf({ grants: new Set() }))],
  ['exit', () => Story.ready().happen(exit)],
  ['backoff-ended', () => Story.ready().happen(exit).rest().happen({ is: 'Wake' })],
  ['changed-image', () => Story.ready({ spec: { replicas: 3 } }).happen(image)],
  ['changed-image-while-busy', () => Story.ready().happen({ is: 'Busy', at: 0, busy: true }, image).step()],
  ['live-field', () => Story.ready().happen({ is: 'Spec', spec: { minReady: '3s' } })],
  [
    'kill',
    () =>
      Story.ready()
        .happen({ is: 'Spec', spec: { suspend: true } })
        .crash()
        .happen({ is: 'Wake' }),
  ],
  ['duplicate', () => Story.ready().happen({ is: 'Stray', at: 0, running: true })],
  [
    'scale-down',
    () =>
      Story.ready({ spec: { replicas: 3 } })
        .happen({ is: 'Spec', spec: { replicas: 1 } })
        .step(),
  ],
  ['move', () => Story.ready().happen({ is: 'Move', runtime: 'podman' }).step()],
  [
    'delete',
    () =>
      Story.ready({ spec: { replicas: 2 } })
        .happen({ is: 'Delete' })
        .step(),
  ],
  ['runtime-offline', () => Story.ready().happen({ is: 'Offline' })],
  [
    'secret-missing',
    () => {
      const env = [
        { name: 'KEY', valueFrom: { secretKeyRef: { name: 'openai', key: 'token', optional: false } } },
      ];
      return new Story(
        worldOf({ spec: { template: { image: 'web:1', env } }, inputs: { 'Secret/openai': null } }),
      );
    },
  ],
  [
    'prompts',
    () => {
      const entry = { name: 'daily', cron: '0 4 * * *', timezone: 'UTC', message: 'Report.', suspend: false };
      const daily = { ...entry, catchUp: true, overlap: 'Skip', conversation: 'New' } as const;
      const schedule = [daily, { ...daily, name: 'weekly', cron: '0 4 * * 2', suspend: true }];
      const story = Story.ready({ spec: { protocol: 'acp', schedule } });
      story.happen({ is: 'Spec', spec: { schedule, prompt: 'Begin.' } }).crash();
      return story.happen({ is: 'Pass', ms: 20 * hour });
    },
  ],
  [
    'shutdown',
    () => Story.ready({ spec: { protocol: 'jsonl' } }).happen({ is: 'Spec', spec: { suspend: true } }),
  ],
  [
    'woken',
    () =>
      Story.ready({ spec: { protocol: 'acp' }, policy: { mode: 'OnDemand' } })
        .happen({ is: 'Inbox', inbox: { waiting: 1 } })
        .set({ grants: new Set(['agent-uid/web-0/1772452800000']) }),
  ],
  [
    'draining',
    () => Story.ready({ spec: { protocol: 'acp' } }).happen(exit, { is: 'Talk', at: 0, state: 'Draining' }),
  ],
  [
    'auth-required',
    () => Story.ready({ spec: { protocol: 'acp' } }).happen({ is: 'Talk', at: 0, state: 'AuthRequired' }),
  ],
  [
    'refused',
    () => Story.ready({ spec: { protocol: 'acp' } }).happen({ is: 'Talk', at: 0, state: 'Refused' }),
  ],
  [
    'not-enforced',
    () =>
      Story.ready({ spec: { protocol: 'acp', permissions: { default: 'Deny' } } as never }).happen({
        is: 'Talk',
        at: 0,
        state: 'Ready',
        unenforced: true,
      }),
  ],
  [
    'scheduled-restart',
    () => Story.ready({ policy: { scheduledRestart: { cron: '0 4 * * *', whenIdleFor: '1h' } } }),
  ],
];

test.each(stories)('the plan %s reads as its golden file', async (name, story) => {
  await expect(formatPlan(story().plan)).toMatchFileSnapshot(`../golden/plan/${name}.txt`);
});

test('the events of a bad day read as their golden file', async () => {
  const story = new Story(worldOf({ instances: [], revisions: [] }));
  story.rest().pass(minute);
  story.happen(exit).pass(minute);
  story.happen({ is: 'Exit', at: 0, code: 137, cause: 'Runtime', ago: 0 }).pass(minute);
  story.happen({ is: 'Lose', at: 0 }).pass(minute);
  story.happen({ is: 'Pause', at: 0 }).pass(minute).happen({ is: 'Unpause', at: 0 }).pass(minute);
  story.happen({ is: 'Offline' }).pass(minute).happen({ is: 'Online' }).pass(minute);
  story.happen(image).pass(minute);
  story.happen({ is: 'Spec', spec: { suspend: true } }).pass(minute);
  const lines = story.events.map(
    ({ type, reason, message }) => `${type.padEnd(7)}  ${reason.padEnd(15)}  ${message}\n`,
  );
  await expect(lines.join('')).toMatchFileSnapshot('../golden/plan/events.txt');
});

test.each([
  ['Create', undefined, 'anew'],
  ['Restart', 'c1', 'again in c1'],
  ['Replace', 'c1', 'anew in place of c1'],
] as const)('the plan of a start that is a %s says so', (how, ref, detail) => {
  const [start] = new Story(worldOf()).plan.actions.filter(({ type }) => type === 'Start');
  const plan = { ...Story.ready().plan, actions: [{ ...start, how, ref } as Action] }; // a Start
  expect(formatPlan(plan)).toContain(`+ start  default/web-0  run 1  ${detail}  (FirstStart)\n`);
});

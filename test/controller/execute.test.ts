/** The last look at what is started, right before the driver is called. */

import { expect, test } from 'vitest';
import { authorAnnotation } from '../../src/api/annotations.ts';
import type { Revision, Runtime } from '../../src/api/objects.ts';
import { execute } from '../../src/controller/execute.ts';
import type { Action } from '../../src/plan/action.ts';
import { agentOf, instanceOf, revisionOf, runtimeOf } from '../plan/worlds.ts';

const start: Action = {
  type: 'Start',
  id: 'Start/web-0',
  after: [],
  cause: 'FirstStart',
  message: '',
  name: 'web-0',
  uid: 'uid-0',
  run: 1,
  revision: 'web-1',
  how: 'Create',
};

/** What becomes of a start of this Revision on this Runtime. The Agent itself asks for nothing. */
async function started(template: object, runtime: Runtime, annotations: Record<string, string> = {}) {
  const agent = agentOf();
  const recorded = { ...revisionOf(agent), data: { template } } as unknown as Revision;
  const calls: string[] = [];
  const driver = {
    create: async () => {
      calls.push('create');
      return { ref: 'c' };
    },
  };
  const outcome = await execute(start, {
    agent: { ...agent, metadata: { ...agent.metadata, annotations } },
    instance: instanceOf(),
    session: { driver, ask: () => 1, note: () => {} },
    runtime,
    revision: async () => recorded,
    find: () => undefined,
    stop: { signal: 'SIGTERM', gracePeriod: '10s' },
    store: 's',
    controllerVersion: '1',
    wrote: () => {},
  } as unknown as Parameters<typeof execute>[1]); // a start asks for no more
  return { outcome, calls };
}

const refused = (words: string) => ({
  outcome: { result: 'NotStartable', message: expect.stringContaining(words) },
  calls: [],
});

test('a Revision that its Runtime does not allow does not reach the driver', async () => {
  const template = { image: 'i', security: { privileged: true } };
  expect(await started(template, runtimeOf())).toMatchObject(refused('spec.template.security.privileged'));
  const allowed = runtimeOf({ allow: { privileged: true } });
  expect(await started(template, allowed)).toMatchObject({
    outcome: { result: 'Succeeded' },
    calls: ['create'],
  });
});

test('nor does one on a Runtime that takes the namespace no more', async () => {
  const runtime = runtimeOf({ allowedNamespaces: ['other'] });
  expect(await started({ image: 'i' }, runtime)).toMatchObject(
    refused('does not accept Agents of the namespace'),
  );
});

test("nor one of an author who may not run as the controller's user", async () => {
  const runtime = runtimeOf({ driver: 'process' }, 'process');
  const template = { command: ['id'] };
  const by = { [authorAnnotation]: 'token:edit' };
  expect(await started(template, runtime, by)).toMatchObject(refused('spec.template.user: token:edit'));
  expect(await started(template, runtime)).toMatchObject({ calls: ['create'] });
});

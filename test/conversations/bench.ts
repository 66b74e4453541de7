/** One part of conversations alone: a journal in memory, time that stands still, and objects that the test sets. */
import type { Agent, Instance } from '../../src/api/objects.ts';
import type { NewEvent } from '../../src/client/recorder.ts';
import type { Link } from '../../src/conversations/link.ts';
import type { Context, LinkTarget } from '../../src/conversations/ports.ts';
import { TalkState } from '../../src/conversations/talk-state.ts';
import type { Entry, Journal } from '../../src/messages/journal.ts';
import { openJournal } from '../../src/messages/sqlite-journal.ts';
import { silentLog } from '../../src/platform/log.ts';
import { ManualClock } from '../fakes/clock.ts';
import { withCommit } from './stage.ts';

export function bench() {
  const clock = new ManualClock('2026-03-02T12:00:00Z');
  const agents = new Map<string, Agent>();
  const instances = new Map<string, Instance>();
  const written: Entry[] = [];
  const kept = openJournal(':memory:', { log: silentLog });
  const journal: Journal = withCommit(kept, async (entries, spare) => {
    await kept.commit(entries, spare);
    written.push(...entries);
  });
  const recorded: (NewEvent & { uid: string })[] = [];
  const looks: string[] = [];
  const context = {
    journal,
    clock,
    log: silentLog,
    cache: { agents: { list: () => [...agents.values()] } },
    agent: (key: string) => agents.get(key),
    instance: (uid: string) => instances.get(uid),
    record: (uid: string, event: NewEvent) => recorded.push({ uid, ...event }),
    enqueue: (key: string) => looks.push(key),
  } as unknown as Context; // no more of it is used
  const talk = new TalkState(context);
  const add = (agent: Agent): Agent => {
    agents.set(`${agent.metadata.namespace}/${agent.metadata.name}`, agent);
    return agent;
  };
  return { clock, agents, instances, written, journal, recorded, looks, context, talk, add };
}

export const target = (fields: Partial<LinkTarget> = {}): LinkTarget => ({
  namespace: 'default',
  agent: 'a',
  instance: 'a-0',
  uid: 'a-uid',
  ordinal: 0,
  run: 1,
  startId: 's1',
  ref: 'r1',
  runtime: 'engine',
  ...fields,
});

/** A link of which only these fields are used. */
export const linkOf = (fields: object = {}, of: Partial<LinkTarget> = {}): Link =>
  ({ target: target(of), state: 'Ready', ...fields }) as unknown as Link;

import { restartedAtAnnotation, resumeAnnotation } from '../api/annotations.ts';
import type { Agent } from '../api/objects.ts';
import { sentence } from '../api/sentence.ts';
import { command } from '../plan/command-text.ts';
import type { AccountName, ControlView, Gate, Instant } from '../plan/world.ts';

/** What an agent has reported about its account. */
export type Account = Readonly<Partial<Record<AccountName, AccountView>>>;

interface AccountView extends ControlView {
  hold?: Hold | undefined;
}

/** How long a report that the quota is used up holds the Agent. */
export interface Hold {
  until: Instant;
  /** What was asked of the Agent at the time of the report. */
  asked: string;
}

/** Returns the part of the Facts that `Link` has written. */
export const accountOf = (facts: unknown): Account =>
  ((facts as { account?: Account } | undefined)?.account ?? {}) as Account; // only `Link` writes it

/** In milliseconds. A later end may be an error of the agent: after this time, the next message tries the quota. */
const longest = 24 * 3_600_000;

export const holdOf = (agent: Agent, until: Instant, now: Instant): Hold => ({
  until: Math.min(until, now + longest),
  asked: askedOf(agent),
});

/** Changes with the spec, a resume and a rollout restart: after these, the quota is tried again. */
function askedOf({ metadata: { generation = 0, annotations = {} } }: Agent): string {
  return `${generation} ${annotations[resumeAnnotation] ?? ''} ${annotations[restartedAtAnnotation] ?? ''}`;
}

/** Returns the gate of an Agent by what its instances have reported; undefined if none of the reports holds it. */
export function quotaGate(agent: Agent, accounts: Iterable<Account>, now: Instant): Gate | undefined {
  const asked = askedOf(agent);
  let gate: Gate | undefined;
  for (const { WithinQuota: view } of accounts) {
    if (view?.hold?.asked !== asked) continue;
    const { until } = view.hold;
    if (until > now + longest) continue; // the clock was set back
    if (gate?.until === undefined || until > gate.until)
      gate = {
        name: 'quota',
        state: 'Held',
        until,
        reason: view.reason,
        message: textOf(agent, view.message),
      };
  }
  return gate;
}

function textOf(agent: Agent, report: string): string {
  const resume = command(agent, `resume ${agent.metadata.name}`);
  return `Its agent reports: ${sentence(report)} To continue earlier: ${resume}.`;
}

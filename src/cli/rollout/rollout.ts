import { kindInfo } from '../../api/kinds.ts';
import { revisionData } from '../../plan/drift.ts';
import { writeChange } from '../changing.ts';
import type { Cli } from '../cli.ts';
import { CliError, exitCode } from '../failure.ts';
import { fieldManager, patchEach } from '../patching.ts';
import { type SelectOptions, selectedOf } from '../select.ts';
import { parseAgentTargets } from '../targets.ts';
import { reportWaits } from '../wait/report.ts';
import { agentOf, findRevision, revisionsOf } from './history.ts';
import { judgeRollout } from './judge.ts';

export interface RolloutOptions extends SelectOptions {
  timeout?: number;
  watch?: boolean;
  toRevision?: number;
  dryRun?: 'none' | 'server';
}

export async function status(name: string, options: RolloutOptions, cli: Cli): Promise<void> {
  const client = await cli.connect(options);
  const agent = await agentOf(client, name, options, cli);
  const { namespace } = agent.metadata;
  if (options.watch === false) {
    const judgement = judgeRollout(agent);
    if (judgement === 'met')
      return cli.out(`agent ${JSON.stringify(agent.metadata.name)} successfully rolled out\n`);
    if ('pending' in judgement) return cli.out(`${judgement.pending}\n`);
    throw new CliError(judgement.never, { exitCode: exitCode.unmet });
  }
  let last = '';
  const telling: typeof judgeRollout = (object) => {
    const judgement = judgeRollout(object);
    const text = typeof judgement === 'object' && 'pending' in judgement ? judgement.pending : '';
    if (text !== '' && text !== last) cli.out(`Waiting: ${text}\n`);
    last = text;
    return judgement;
  };
  const selected = [selectedOf(kindInfo('Agent'), agent.metadata.name, namespace)];
  const timeout = options.timeout ?? Number.POSITIVE_INFINITY;
  cli.exitCode = await reportWaits(client, selected, telling, 'successfully rolled out', timeout, cli);
}

export function restart(names: readonly string[], options: RolloutOptions, cli: Cli): Promise<void> {
  const annotations = { 'agentctl.dev/restartedAt': new Date(cli.clock.now()).toISOString() };
  return patchEach(parseAgentTargets(names, options), options, cli, 'restarted', () => ({
    metadata: { annotations },
  }));
}

export async function undo(name: string, options: RolloutOptions, cli: Cli): Promise<void> {
  const dryRun = options.dryRun === 'server';
  const client = await cli.connect(options, { start: !dryRun });
  const agent = await agentOf(client, name, options, cli);
  const all = await revisionsOf(client, agent);
  const before = all.findLast(({ metadata }) => metadata.name !== agent.status?.updateRevision);
  const chosen = options.toRevision === undefined ? before : findRevision(all, options.toRevision, agent);
  if (chosen === undefined) throw new CliError(`agent ${agent.metadata.name} has no earlier revision`);
  // All that a Revision records, as it was: what it did not have then goes. How many and when is not in it, and stays.
  const recorded = Object.keys(revisionData(agent.spec));
  const kept = Object.entries(agent.spec).filter(([field]) => !recorded.includes(field));
  const after = { ...agent, spec: { ...chosen.data, ...Object.fromEntries(kept) } };
  const selected = selectedOf(kindInfo('Agent'), agent.metadata.name, agent.metadata.namespace);
  const { changed } = await writeChange(client, selected, { before: agent, after }, { fieldManager, dryRun });
  const suffix = dryRun ? ' (server dry run)' : changed ? '' : ' (no change)';
  cli.out(`${selected.text} rolled back to revision ${chosen.revision}${suffix}\n`);
}

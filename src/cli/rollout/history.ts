import { authorOf, changedByAnnotation } from '../../api/annotations.ts';
import { listed } from '../../api/listed.ts';
import type { Agent, AgentSpec, Revision } from '../../api/objects.ts';
import { humanDuration, parseTime } from '../../api/time.ts';
import { drift, driftText } from '../../plan/drift.ts';
import { inputChanges } from '../../plan/revision.ts';
import type { Cli, Client } from '../cli.ts';
import { CliError, UsageError } from '../failure.ts';
import { type GlobalOptions, namespaceOf } from '../options.ts';
import { formatObjects, withoutManagedFields, yamlText } from '../print/objects.ts';
import { table } from '../print/table.ts';
import { when } from '../print/when.ts';
import { parseAgentTargets } from '../targets.ts';

export interface HistoryOptions extends GlobalOptions {
  revision?: number;
  output?: 'json' | 'yaml';
}

export async function history(name: string, options: HistoryOptions, cli: Cli): Promise<void> {
  const client = await cli.connect(options);
  const agent = await agentOf(client, name, options, cli);
  const all = await revisionsOf(client, agent);
  const wanted = options.revision;
  const revisions = wanted === undefined ? all : [findRevision(all, wanted, agent)];
  if (options.output !== undefined) {
    const objects = revisions.map((item) =>
      withoutManagedFields({ ...item, apiVersion: 'agentctl.dev/v1' as const, kind: 'Revision' as const }),
    );
    return cli.out(await formatObjects({ type: options.output }, objects, wanted !== undefined));
  }
  const [only] = revisions;
  if (wanted !== undefined && only !== undefined) {
    return cli.out(
      `agent.agentctl.dev/${agent.metadata.name} with revision #${wanted}\n${await yamlText(only.data)}`,
    );
  }
  if (revisions.length === 0) return cli.out(`agent ${agent.metadata.name} has no revisions yet\n`);
  const now = cli.clock.now();
  const rows = revisions.flatMap((item, index) => {
    const [first = '', ...more] = changes(revisions[index - 1], item);
    const { metadata, revision } = item;
    const cells = [
      String(revision),
      recorded(metadata.creationTimestamp, now),
      use(agent, metadata.name),
      by(item),
    ];
    return [[...cells, first], ...more.map((change) => ['', '', '', '', change])];
  });
  const header = ['REVISION', 'RECORDED', 'USE', 'CHANGED BY', 'CHANGES'];
  cli.out(`agent.agentctl.dev/${agent.metadata.name}\n${table([header, ...rows])}`);
}

/** Lists the changes from the first to the second. */
function changes(before: Revision | undefined, after: Revision): string[] {
  if (before === undefined) return ['-'];
  const spec = after.data as unknown as AgentSpec; // what a Revision leaves out is not compared
  return [...drift(spec, before).map(driftText), ...inputChanges(before, after.inputs ?? {})];
}

const by = (revision: Revision): string =>
  authorOf(revision) ?? revision.metadata.annotations?.[changedByAnnotation] ?? '-';

const recorded = (text: string, now: number): string => {
  const at = parseTime(text);
  return at === undefined ? text : `${when(at)} (${humanDuration(now - at)} ago)`;
};

function use({ status }: Agent, name: string): string {
  const uses = [
    ...(status?.updateRevision === name ? ['newest'] : []),
    ...(status?.currentRevision === name ? ['Ready last'] : []),
  ];
  return uses.join(', ');
}

export async function agentOf(
  client: Client,
  name: string,
  options: GlobalOptions,
  cli: Cli,
): Promise<Agent> {
  const [target] = parseAgentTargets([name]);
  if (target?.name === undefined || target.info.kind !== 'Agent') {
    throw new UsageError(`found ${JSON.stringify(name)}, expected an agent: web or agent/web`);
  }
  return client.get('Agent', { namespace: namespaceOf(options, cli.environment), name: target.name });
}

/** Returns the revisions, oldest first. */
export async function revisionsOf(client: Client, { metadata }: Agent): Promise<Revision[]> {
  const { items } = await client.list('Revision', { namespace: metadata.namespace });
  return items
    .filter((item) => (item.metadata.ownerReferences ?? []).some(({ uid }) => uid === metadata.uid))
    .sort((a, b) => a.revision - b.revision);
}

export function findRevision(all: readonly Revision[], wanted: number, { metadata }: Agent): Revision {
  const found = all.find(({ revision }) => revision === wanted);
  if (found !== undefined) return found;
  const numbers = listed(all.map(({ revision }) => String(revision)));
  throw new CliError(
    `agent ${metadata.name} has no revision ${wanted}; it has ${numbers === '' ? 'none' : numbers}`,
  );
}

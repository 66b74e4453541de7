import type { Command } from 'commander';
import { kindInfo } from '../../api/kinds.ts';
import type { Cli } from '../cli.ts';
import { UsageError } from '../failure.ts';
import { tellFailures } from '../get/ask.ts';
import type { GlobalOptions } from '../options.ts';
import { idKey } from '../talk/names.ts';
import { objectName } from '../targets.ts';

/** `approve` and `deny` are one verb with two decisions. */
export const defineDecision = (
  command: Command,
  cli: Cli,
  decision: 'approve' | 'deny',
  done: string,
): Command =>
  command
    .argument('[id...]', 'of approvals, as agentctl get approvals lists them')
    .action((ids: string[], options: GlobalOptions) => decide(ids, options, cli, decision, done));

async function decide(
  ids: readonly string[],
  options: GlobalOptions,
  cli: Cli,
  decision: 'approve' | 'deny',
  done: string,
): Promise<void> {
  if (ids.length === 0) throw new UsageError('say which, by id: agentctl get approvals lists them');
  const keys = ids.map((id) => idKey(id, 'Approval', options, cli));
  const client = await cli.connect(options, { start: true });
  const failures: unknown[] = [];
  for (const key of keys) {
    try {
      const { spec } = await client.decide(key, decision, cli.user());
      cli.out(`${objectName(kindInfo('Approval'), key.name)} ${done}: ${spec.title.split('\n')[0]}\n`);
    } catch (error) {
      failures.push(error);
    }
  }
  tellFailures(failures, cli);
}

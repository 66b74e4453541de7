import { isTerminating } from '../api/objects.ts';
import type { Cli } from './cli.ts';
import { CliError } from './failure.ts';
import { tellFailures } from './get/ask.ts';
import { type Selected, type SelectOptions, select } from './select-objects.ts';
import type { Target } from './targets.ts';

export const fieldManager = 'agentctl';

/** Writes a merge patch to each object and prints that, as in kubectl: `agent.agentctl.dev/web suspended`. */
export async function patchEach(
  targets: readonly Target[],
  options: SelectOptions,
  cli: Cli,
  done: string,
  patch: (selected: Selected) => object,
): Promise<void> {
  const client = await cli.connect(options, { start: true });
  const selected = await select(client, targets, options, cli);
  if (selected.length === 0) throw new CliError('no objects found, nothing was changed');
  const failures: unknown[] = [];
  for (const each of selected) {
    try {
      const before = await client.get(each.info.kind, each.key);
      if (isTerminating(before)) throw new CliError(`${each.text} is being deleted, so it cannot be ${done}`);
      const after = await client.patch(
        each.info.kind,
        each.key,
        { type: 'merge', body: patch(each) },
        { fieldManager },
      );
      const changed = before.metadata.resourceVersion !== after.metadata.resourceVersion;
      cli.out(`${each.text} ${done}${changed ? '' : ' (no change)'}\n`);
    } catch (error) {
      failures.push(error);
    }
  }
  tellFailures(failures, cli);
}

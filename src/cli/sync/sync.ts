import type { AnyObject, Sync } from '../../api/objects.ts';
import { syncAnnotations, takingOver } from '../../api/sync.ts';
import { formatTimeMs } from '../../api/time.ts';
import { parallel } from '../../client/parallel.ts';
import type { Cli, Client } from '../cli.ts';
import { CliError, exitCode } from '../failure.ts';
import { tellFailures } from '../get/ask.ts';
import { fieldManager } from '../patching.ts';
import { type Selected, type SelectOptions, select } from '../select.ts';
import { report, waitEach } from '../wait/report.ts';
import type { Judge } from '../wait/until.ts';
import { conditionOf } from './conditions.ts';
import { outcomeOf } from './outcome.ts';
import { syncTargets } from './targets.ts';

export interface SyncOptions extends SelectOptions {
  forceConflicts?: boolean;
  wait: boolean;
  timeout: number;
}

interface Asked extends Selected {
  /** As it was when it was asked. */
  before: Sync;
  /** As it is once that has been handled. */
  after?: Sync;
}

/** Asks each Sync for a look now, and tells what came of it. */
export async function sync(words: readonly string[], options: SyncOptions, cli: Cli): Promise<void> {
  const targets = syncTargets(words, options);
  const client = await cli.connect(options, { start: true });
  const selected = await select(client, targets, options, cli);
  if (selected.length === 0) throw new CliError('No syncs found');
  const force = options.forceConflicts === true ? takingOver : '';
  const request = `${formatTimeMs(cli.clock.now())}${force}`;
  const results = await parallel(selected, 16, (each) => ask(client, each, request));
  const asked = results.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  if (!options.wait) for (const { text } of asked) cli.out(`${text} sync requested\n`);
  else {
    const judgeOf = (each: Asked): Judge<AnyObject> => handled(each, request);
    cli.exitCode = await waitEach(client, asked, judgeOf, options.timeout, cli, (each, outcome, fail) => {
      if (each.after === undefined || outcome.result !== 'met') return report(each, outcome, '', fail, cli);
      const { failed, text } = outcomeOf(each.before, each.after);
      if (failed) fail(each, `error: ${each.text}`, text);
      else cli.out(`${each.text}: ${text}\n`);
      return failed ? exitCode.failed : exitCode.ok;
    });
  }
  tellFailures(
    results.flatMap((each): unknown[] => (each.status === 'rejected' ? [each.reason] : [])),
    cli,
  );
}

async function ask(client: Client, each: Selected, request: string): Promise<Asked> {
  const body = { metadata: { annotations: { [syncAnnotations.requested]: request } } };
  return { ...each, before: await client.patch('Sync', each.key, { type: 'merge', body }, { fieldManager }) };
}

/** Who asks after us is answered by a look that is newer still, and so are we. */
const handled =
  (each: Asked, request: string): Judge<AnyObject> =>
  (object) => {
    if (object?.kind !== 'Sync') return { never: 'it was deleted' };
    const newest = object.metadata.annotations?.[syncAnnotations.requested];
    const last = object.status?.lastHandledRequest;
    const ready = conditionOf(object, 'Ready');
    if (ready?.reason === 'Progressing') return { pending: `${ready.reason}: ${ready.message}` };
    if (last === undefined || (last !== request && last !== newest))
      return { pending: 'its source is being read' };
    each.after = object;
    return 'met';
  };

import { kindInfo } from '../../api/kinds.ts';
import type { Cli } from '../cli.ts';
import { tellFailures } from '../get/ask.ts';
import type { GlobalOptions } from '../options.ts';
import { idKey } from '../talk/names.ts';
import { objectName } from '../targets.ts';

const words = { retry: 'is pending again', cancel: 'cancelled' } as const;

export async function change(
  ids: readonly string[],
  what: 'retry' | 'cancel',
  options: GlobalOptions,
  cli: Cli,
): Promise<void> {
  const keys = ids.map((id) => idKey(id, 'Message', options, cli));
  const client = await cli.connect(options, { start: true });
  const failures: unknown[] = [];
  for (const key of keys) {
    try {
      await client.change(key, what);
      cli.out(`${objectName(kindInfo('Message'), key.name)} ${words[what]}\n`);
    } catch (error) {
      failures.push(error);
    }
  }
  tellFailures(failures, cli);
}

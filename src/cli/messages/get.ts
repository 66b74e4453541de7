import type { Kind } from '../../api/objects.ts';
import type { Cli } from '../cli.ts';
import { UsageError } from '../failure.ts';
import { get } from '../get/get.ts';
import type { GetOptions } from '../get/options.ts';
import { fieldSelector } from '../talk/conversations.ts';
import { agentKey, idKey } from '../talk/names.ts';

export interface TalkGetOptions extends GetOptions {
  agent?: string;
  state?: string;
}

/** As `get` of that kind, with flags for what people ask for most. */
export function getTalk(
  kind: Kind,
  plural: string,
  words: readonly string[],
  { agent, state, ...options }: TalkGetOptions,
  cli: Cli,
): Promise<void> {
  const asked = fieldSelector({
    'spec.agentRef.name': agent === undefined ? undefined : agentKey(agent, options, cli).name,
    'status.state':
      state === undefined ? undefined : state.charAt(0).toUpperCase() + state.slice(1).toLowerCase(),
  });
  if (words.length > 0 && asked !== undefined) {
    throw new UsageError('an id cannot be combined with --agent and --state; omit one of them');
  }
  const selectors = [options.fieldSelector, asked].filter((part) => part !== undefined);
  const names = words.map((word) => idKey(word, kind, options, cli).name);
  return get(
    [plural, ...names],
    selectors.length === 0 ? options : { ...options, fieldSelector: selectors.join(',') },
    cli,
  );
}

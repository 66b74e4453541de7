import type { Kind, ObjectKey } from '../../api/objects.ts';
import type { Cli } from '../cli.ts';
import { UsageError } from '../failure.ts';
import { type GlobalOptions, namespaceOf } from '../global-options.ts';
import { kindFor, parseAgentTargets } from '../targets.ts';

type Where = Pick<GlobalOptions, 'namespace'>;

/** Parses one agent: `web` or `agent/web`. */
export function agentKey(word: string, options: Where, cli: Pick<Cli, 'environment'>): ObjectKey {
  const [target] = parseAgentTargets([word]);
  if (target?.name === undefined || target.info.kind !== 'Agent') {
    throw new UsageError(`found ${JSON.stringify(word)}, expected an agent, as in web or agent/web`);
  }
  return { namespace: namespaceOf(options, cli.environment), name: target.name };
}

/** Parses the id of an object of this kind: `m-x1`, `message/m-x1`. */
export function idKey(word: string, kind: Kind, options: Where, cli: Pick<Cli, 'environment'>): ObjectKey {
  const [, prefix, name = word] = /^([^/]+)\/([^/]+)$/.exec(word) ?? [];
  if (name === '' || name.includes('/') || (prefix !== undefined && kindFor(prefix).kind !== kind)) {
    throw new UsageError(
      `found ${JSON.stringify(word)}, expected the id of ${kind === 'Approval' ? 'an' : 'a'} ${kind.toLowerCase()}`,
    );
  }
  return { namespace: namespaceOf(options, cli.environment), name };
}

/** The format of Message.spec.from. */
export const fromUser = (user: string): string => `user:${user}`;

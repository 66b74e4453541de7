import type { KindInfo } from '../../api/kinds.ts';
import type { Ask, Scope } from '../../views/fleet-view.ts';
import type { Cli } from '../cli.ts';
import { describeFailure, exitCode } from '../failure.ts';
import { namespaceOf } from '../global-options.ts';
import type { Target } from '../targets.ts';
import type { GetOptions } from './options.ts';

/** Prints failures after the objects that could be read. */
export function tellFailures(failures: readonly unknown[], cli: Cli): void {
  const [first, ...rest] = failures;
  if (first === undefined) return;
  const unreachable = failures.find((error) => describeFailure(error).exitCode === exitCode.unreachable);
  if (unreachable !== undefined) throw unreachable;
  if (rest.length === 0) throw first;
  for (const error of failures) cli.err(`${describeFailure(error).text}\n`);
  cli.exitCode = exitCode.failed;
}

export function scopeOf(
  options: Pick<GetOptions, 'namespace' | 'allNamespaces' | 'selector' | 'fieldSelector'>,
  cli: Cli,
): Scope {
  return {
    ...(options.allNamespaces === true ? {} : { namespace: namespaceOf(options, cli.environment) }),
    ...(options.selector === undefined ? {} : { labelSelector: options.selector }),
    ...(options.fieldSelector === undefined ? {} : { fieldSelector: options.fieldSelector }),
  };
}

/** Groups names by kind, in the order of the kinds. */
export function group(targets: readonly Target[]): Ask[] {
  const asks = new Map<KindInfo, string[]>();
  for (const { info, name } of targets) {
    const names = asks.get(info) ?? [];
    asks.set(info, name === undefined ? names : [...names, name]);
  }
  return [...asks].map(([info, names]) => ({ info, names }));
}

import { type Change, changeLine } from '../../api/changes.ts';
import { counted } from '../counted.ts';

/** Formats one object of a diff, with its differences field by field. */
export function differsText(text: string, changes: readonly Change[], isAgent: boolean): string {
  const restarts = changes.some(({ update }) => update === 'restart');
  const head = `${text}: ${counted(changes.length, 'field differs', 'fields differ')}`;
  const tail = !isAgent ? '' : restarts ? ', its instances would restart' : ', nothing restarts';
  return `${head}${tail}\n${changes.map((change) => `  ${changeLine(change)}`).join('\n')}`;
}

export const createdText = (text: string): string => `${text}: does not exist, would be created`;

/** Returns `agent.agentctl.dev/web in other`; omits the namespace default. */
export const placed = (text: string, namespace: string | undefined): string =>
  namespace === undefined || namespace === 'default' ? text : `${text} in ${namespace}`;

export const plainFields = (changes: readonly Change[]) =>
  changes.map(({ path, before, after, update }) => ({ path, before, after, update }));

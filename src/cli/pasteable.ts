import { shellWord } from '../api/text.ts';
import type { Cli } from './cli.ts';
import type { GlobalOptions } from './global-options.ts';
import { AsIs, type Text } from './print/shown.ts';

/** Returns the flags of this command line that other commands need to reach the same controller and objects. */
export function flagsOf(
  { stateDir, socket, namespace }: Partial<GlobalOptions>,
  verbs: readonly string[],
): Cli['flags'] {
  const flag = (name: string, value: string | undefined): string =>
    value === undefined ? '' : `${name} ${shellWord(value)} `;
  return {
    controller: flag('--state-dir', stateDir) + flag('--socket', socket),
    namespace: flag('-n', namespace),
    verbs,
  };
}

/** Adds the flags of this command line to commands in a message, so that they work when pasted. */
export function pasteable(text: Text, { flags }: Pick<Cli, 'flags'>): Text {
  const { controller = '', namespace = '', verbs = [] } = flags ?? {};
  if (controller === '' && namespace === '') return text;
  if (text instanceof AsIs) return text;
  if (typeof text !== 'string') return text.map((part) => pasteable(part, { flags }));
  // A command in a message, as far as it certainly extends.
  const commands = new RegExp(`\\bagentctl (?=(${verbs.join('|')})\\b([^.,;:'\\n]*))`, 'g');
  return text.replace(commands, (head, verb: string, rest: string) => {
    const isPlaced =
      verb === 'controller' || / (-n|--namespace|-A)\b/.test(rest) || /^ namespaces?\b/.test(rest);
    return `${head}${controller}${isPlaced ? '' : namespace}`;
  });
}

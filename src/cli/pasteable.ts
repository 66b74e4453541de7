import { shellWord } from '../api/shell.ts';
import type { Cli } from './cli.ts';
import type { GlobalOptions } from './options.ts';
import { AsIs, type Text } from './print/shown.ts';
import { verbs } from './verbs.ts';

const names = verbs.flatMap((verb) => [verb.name, ...(verb.aliases ?? [])]).join('|');
/** A command in a message, as far as it surely goes on. */
const commands = new RegExp(`\\bagentctl (?=(${names})\\b([^.,;:'\\n]*))`, 'g');

/** Flags of this command line without which another one would reach another controller, or other objects. */
export function flagsOf({ stateDir, socket, namespace }: Partial<GlobalOptions>): Cli['flags'] {
  const flag = (name: string, value: string | undefined): string =>
    value === undefined ? '' : `${name} ${shellWord(value)} `;
  return {
    controller: flag('--state-dir', stateDir) + flag('--socket', socket),
    namespace: flag('-n', namespace),
  };
}

/** Commands in a message with the flags that this command line was given, so that they work as they are. */
export function pasteable(text: Text, { flags }: Pick<Cli, 'flags'>): Text {
  const { controller = '', namespace = '' } = flags ?? {};
  if (controller === '' && namespace === '') return text;
  if (text instanceof AsIs) return text;
  if (typeof text !== 'string') return text.map((part) => pasteable(part, { flags }));
  return text.replace(commands, (head, verb: string, rest: string) => {
    const isPlaced = verb === 'controller' || / (-n|--namespace|-A)\b/.test(rest);
    return `${head}${controller}${isPlaced ? '' : namespace}`;
  });
}

import { Command } from 'commander';
import { findKind, kinds } from '../api/kinds.ts';
import { notDnsSubdomain } from '../api/names.ts';
import type { Cli } from './cli.ts';
import { addGlobalOptions, globalFlagsWithValue, namespaceOf } from './flags.ts';
import { topics } from './help.ts';
import { findVerb, verbs } from './verbs.ts';

/** Verbs whose operands are a kind, then names. For other verbs, the first operand is an agent's name. */
const kindVerbs = new Set(['get', 'describe', 'delete', 'label', 'annotate', 'patch', 'edit', 'explain']);
/** Verbs of these that also accept a name alone. */
const bareVerbs = new Set(['describe', 'delete']);
/** Verbs whose operands are ids or names of this kind. */
const idVerbs: ReadonlyMap<string, string> = new Map([
  ['messages', 'message'],
  ['conversations', 'conversation'],
  ['approve', 'approval'],
  ['deny', 'approval'],
  ['sync', 'sync'],
]);
/** Verbs of which only the first operand is an agent's name. */
const talkVerbs = new Set(['send', 'chat', 'query']);
const agentVerbs = new Set(['logs', 'suspend', 'resume', 'scale', 'forecast', 'wait', 'rollout', 'usage']);

/** Returns candidates for the last word, which may be empty. Never starts a controller and never throws. */
export async function candidates(words: readonly string[], cli: Cli): Promise<string[]> {
  const typed = words.slice(0, -1);
  const current = words.at(-1) ?? '';
  const operands = operandsOf(typed);
  const [name, ...rest] = operands;
  if (name === undefined) return verbs.map((verb) => verb.name);
  const verb = findVerb(name);
  if (verb === undefined)
    return name === 'help' ? [...verbs.map((each) => each.name), ...Object.keys(topics)] : [];
  const command = new Command(verb.name);
  (await verb.load()).define(command, cli);
  const [sub, below] = deepest(command, rest);
  if (verb.name === 'diff') {
    if (typed.at(-1) === '--sync') return names('sync', words, cli);
    const flag = '--sync=';
    if (current.startsWith(flag)) return (await names('sync', words, cli)).map((each) => `${flag}${each}`);
  }
  const { options } = addGlobalOptions(sub);
  const flag = options.find(({ short, long }) => [short, long].includes(typed.at(-1)));
  if (flag?.required === true && flag.argChoices !== undefined) return flag.argChoices;
  const assigned = options.find(({ long, argChoices }) => argChoices && current.startsWith(`${long}=`));
  if (assigned?.argChoices !== undefined)
    return assigned.argChoices.map((each) => `${assigned.long}=${each}`);
  if (current.startsWith('-')) return flagsOf(sub);
  if (sub.commands.length > 0) return sub.commands.map((each) => each.name());
  const given = below;
  if (verb.name === 'completion') return ['bash', 'zsh', 'fish'];
  if (bareVerbs.has(verb.name) && given.length === 0 && !current.includes('/'))
    return [...kinds.map(({ plural }) => plural), ...(await names('agent', words, cli))];
  if (kindVerbs.has(verb.name)) return kindsOrNames(given, current, words, cli);
  if (verb.name === 'init' && given.length === 0) return templateNames();
  const kind = idVerbs.get(verb.name) ?? (agentVerbs.has(verb.name) ? 'agent' : undefined);
  if (kind !== undefined)
    return current.includes('/') ? kindsOrNames([], current, words, cli) : names(kind, words, cli);
  return talkVerbs.has(verb.name) && given.length === 0 ? names('agent', words, cli) : [];
}

/** Returns the innermost subcommand that the words name, and the remaining words. */
function deepest(command: Command, words: readonly string[]): [Command, readonly string[]] {
  const sub = command.commands.find((each) => each.name() === words[0]);
  return sub === undefined ? [command, words] : deepest(sub, words.slice(1));
}

const templateNames = async (): Promise<string[]> => {
  const { templates } = await import('./init/templates.ts');
  return templates.map(({ name }) => name);
};

const flagsOf = (command: Command): string[] =>
  command.options.flatMap(({ long, required }) => (long === undefined ? [] : [required ? `${long}=` : long]));

function operandsOf(words: readonly string[]): string[] {
  return words.filter(
    (word, index) => !word.startsWith('-') && !globalFlagsWithValue.has(words[index - 1] ?? ''),
  );
}

async function kindsOrNames(
  given: readonly string[],
  current: string,
  words: readonly string[],
  cli: Cli,
): Promise<string[]> {
  const [, prefix] = /^([^/]+)\//.exec(current) ?? [];
  if (prefix !== undefined) return (await names(prefix, words, cli)).map((name) => `${prefix}/${name}`);
  const [kind] = given;
  return kind === undefined ? kinds.map(({ plural }) => plural) : names(kind, words, cli);
}

async function names(word: string, words: readonly string[], cli: Cli): Promise<string[]> {
  const info = findKind(word);
  if (info === undefined) return [];
  const value = (...flags: string[]): string | undefined => {
    const at = words.findIndex((each) => flags.includes(each));
    return at === -1 ? undefined : words[at + 1];
  };
  const [given, stateDir, socket] = [value('-n', '--namespace'), value('--state-dir'), value('--socket')];
  const options = {
    start: false,
    ...(given === undefined ? {} : { namespace: given }),
    ...(stateDir === undefined ? {} : { stateDir }),
    ...(socket === undefined ? {} : { socket }),
  };
  try {
    const client = await cli.connect(options);
    const namespace = info.namespaced ? namespaceOf(options, cli.environment) : undefined;
    const { items } = await client.list(info.kind, { namespace });
    // Bash expands candidates: a text that is not a valid name could run a command.
    return items.map(({ metadata }) => metadata.name).filter((name) => notDnsSubdomain(name) === undefined);
  } catch {
    return []; // without an answer there are no candidates
  }
}

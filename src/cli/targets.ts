import { findKind, type KindInfo, kindInfo, kindWords } from '../api/kinds.ts';
import type { Kind } from '../api/objects.ts';
import { nearest, shellWord } from '../api/text.ts';
import { UsageError } from './failure.ts';

/** One object by name, or all of a kind. */
export interface Target {
  info: KindInfo;
  name?: string;
}

/** The kinds of `all`, like kubectl's category: what users work with, but not what that refers to. */
const all = ['Agent', 'Instance', 'Policy', 'Sync'] as const;

/**
 * Parses operands in kubectl's grammar: `agents`, `agents web db`, `agent/web policy/slow`, `agents,policies`, `all`.
 */
export function parseTargets(words: readonly string[]): Target[] {
  const [first, ...names] = words;
  if (first === undefined) {
    throw new UsageError(
      "specify a kind (agents), a kind and a name (agent web), or both in one (agent/web). See 'agentctl api-resources' for the kinds.",
    );
  }
  if (words.some((word) => word.includes('/'))) return words.map(slashed);
  const kinds = kindsOf(first);
  if (names.length === 0) return kinds.map((info) => ({ info }));
  return kinds.flatMap((info) => names.flatMap((name) => name.split(',')).map((name) => ({ info, name })));
}

interface Many {
  selector?: string;
  all?: boolean;
}

/** Like parseTargets, but a name without a kind is an agent's: `web`, `agent/web`, `agent web`. */
export const parseAgentTargets = (words: readonly string[], many: Many = {}): Target[] =>
  parseTargetsOf('Agent', words, many);

/** Throws if the operands of the verb are missing, or lack the kind that a selector or --all needs. */
export function requireKind(words: readonly string[], { selector, all }: Many, verb: string): void {
  const [word] = words;
  const isMany = selector !== undefined || all === true;
  if (word === undefined && !isMany) {
    throw new UsageError(`specify an agent, as in: agentctl ${verb} web`);
  }
  const isName = word === undefined || (!/[/,]/.test(word) && word !== 'all' && !findKind(word));
  if (!isMany || !isName || (word !== undefined && nearKind(word) !== undefined)) return;
  const flag = all === true ? '--all' : `-l ${shellWord(selector ?? '')}`;
  throw new UsageError(`specify a kind, as in: agentctl ${verb} agents ${flag}`);
}

/**
 * Like parseTargets, but a name without a kind is of this kind. With a selector or --all no names follow, so a single
 * word is a kind, singular or plural.
 */
export function parseTargetsOf(kind: Kind, words: readonly string[], { selector, all }: Many = {}): Target[] {
  const [first = ''] = words;
  if (selector !== undefined || all === true) return parseTargets(words);
  if (words.length > 0 && !words.some((word) => word.includes('/')) && !first.includes(',')) {
    const info = findKind(first);
    if (info === undefined || (words.length === 1 && first !== info.plural)) {
      return words.map((name) => ({ info: kindInfo(kind), name }));
    }
  }
  return parseTargets(words);
}

function slashed(word: string): Target {
  const [kind = '', name = '', ...more] = word.split('/');
  if (kind === '' || name === '' || more.length > 0) {
    throw new UsageError(
      `found ${JSON.stringify(word)}, expected kind/name for every object, such as agent/web`,
    );
  }
  return { info: kindFor(kind), name };
}

function kindsOf(words: string): KindInfo[] {
  const infos = words.split(',').flatMap((word) => (word === 'all' ? all.map(kindInfo) : [kindFor(word)]));
  return [...new Set(infos)];
}

export const nearKind = (word: string): string | undefined => nearest(word, kindWords());

export function kindFor(word: string): KindInfo {
  const info = findKind(word);
  if (info !== undefined) return info;
  const meant = nearKind(word);
  throw unknownType(word, meant === undefined ? undefined : JSON.stringify(meant));
}

export function unknownType(word: string, meant: string | undefined): UsageError {
  const hint = meant === undefined ? '.' : `; did you mean ${meant}?`;
  return new UsageError(
    `the server doesn't have a resource type ${JSON.stringify(word)}${hint} See 'agentctl api-resources'.`,
  );
}

/** Returns `agent.agentctl.dev/web`, `secret/key`, `message/m-1`: kubectl's names of objects. */
export const objectName = (info: Pick<KindInfo, 'singular' | 'group' | 'stored'>, name: string): string =>
  `${kindName(info)}/${name}`;

/** Omits the group of kinds that are not stored, which is of no use to people. */
export const kindName = (info: Pick<KindInfo, 'singular' | 'group' | 'stored'>): string =>
  info.group === '' || !info.stored ? info.singular : `${info.singular}.${info.group}`;

import { listed, nearest } from '../../api/text.ts';
import { type Found, SourceError } from '../source.ts';

/** Runs `git ls-remote` with these arguments. */
export type ListRemote = (args: readonly string[]) => Promise<string>;

export interface Wanted {
  branch?: string | undefined;
  tag?: string | undefined;
}

/** Returns the commit of a branch or tag, or of HEAD if neither is wanted. */
export async function findReference(list: ListRemote, url: string, wanted: Wanted): Promise<Found> {
  const reference = referenceOf(wanted);
  if (reference === undefined) return findHead(list, url);
  const references = parse(await list(['--', url, reference, `${reference}^{}`]));
  // An annotated tag is an object of its own; the entry with ^{} is the commit that it names.
  const revision = references.get(`${reference}^{}`) ?? references.get(reference);
  if (revision !== undefined) return { revision, reference };
  return missing(list, url, reference);
}

function referenceOf({ branch, tag }: Wanted): string | undefined {
  const name = branch ?? tag;
  if (name === undefined) return undefined;
  // The API server has already checked this: git must not interpret it as an option, a pattern or a refspec.
  if (/[\p{Cc} ~^:?*[\\]|\.\.|@\{|^[-/.]/u.test(name))
    throw new SourceError('RevisionMissing', `${JSON.stringify(name)} cannot be the name of a branch or tag`);
  return branch === undefined ? `refs/tags/${name}` : `refs/heads/${name}`;
}

async function findHead(list: ListRemote, url: string): Promise<Found> {
  const answer = await list(['--symref', '--', url, 'HEAD']);
  const revision = parse(answer).get('HEAD');
  const reference = /^ref: (\S+)\tHEAD$/m.exec(answer)?.[1];
  if (revision !== undefined) return { revision, reference };
  const heads = [...parse(await list(['--heads', '--', url])).keys()];
  throw new SourceError(
    'RevisionMissing',
    heads.length === 0
      ? 'the repository is empty: push a commit'
      : `the repository's HEAD names a branch that does not exist: set spec.source.git.branch, ${some(heads)}`,
  );
}

/** Each comparison takes time, and a repository may have any number of references. */
const mostCompared = 1000;

async function missing(list: ListRemote, url: string, reference: string): Promise<never> {
  const kind = reference.startsWith('refs/tags/') ? 'tag' : 'branch';
  const option = kind === 'tag' ? '--tags' : '--heads';
  const names = [...parse(await list([option, '--refs', '--', url])).keys()];
  const name = short(reference);
  const near = nearest(name, names.slice(0, mostCompared).map(short));
  const there =
    names.length === 0
      ? `there is no ${kind} at all`
      : near === undefined
        ? `there ${names.length === 1 ? 'is' : 'are'} ${some(names)}`
        : `did you mean ${near}?`;
  throw new SourceError('RevisionMissing', `the repository has no ${kind} ${name}: ${there}`);
}

const some = (references: readonly string[]): string => listed(references.map(short), { most: 5 });

const short = (reference: string): string => reference.replace(/^refs\/(heads|tags)\//, '');

/** Parses lines of id, tab and name. ls-remote matches the ends of names, so there may be more than was requested. */
function parse(answer: string): Map<string, string> {
  const lines = answer.split('\n').flatMap((line) => {
    const [, id, name] = /^([0-9a-f]{40}|[0-9a-f]{64})\t(.+)$/.exec(line) ?? [];
    return id === undefined || name === undefined ? [] : [[name, id] as const];
  });
  return new Map(lines);
}

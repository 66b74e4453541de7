import { type FieldError, forbidden, invalid } from '../field-error.ts';
import { gitUrlFault } from '../git-url.ts';
import type { Path } from '../path.ts';
import type { JsonObject } from '../schema.ts';
import { parseDuration, tryDuration } from '../time.ts';
import { field, has, orEmpty, text } from './optional-fields.ts';

export function checkSync(sync: JsonObject): FieldError[] {
  const { spec } = sync;
  const source = field(spec, 'source');
  const git = field(source, 'git');
  const directory = field(source, 'directory');
  return [
    ...within(spec, 'interval', '1s', '720h'),
    ...within(spec, 'timeout', '1s', '1h'),
    ...(git === undefined ? [] : checkGit(git, ['spec', 'source', 'git'])),
    ...(directory === undefined ? [] : checkDirectory(directory, ['spec', 'source', 'directory'])),
  ];
}

function within(spec: unknown, name: string, least: string, most: string): FieldError[] {
  const given = text(spec, name);
  const span = given === undefined ? undefined : tryDuration(given);
  const known = span === undefined || (span >= parseDuration(least) && span <= parseDuration(most));
  return known ? [] : [invalid(['spec', name], given, `from ${least} to ${most}`)];
}

function checkGit(git: unknown, path: Path): FieldError[] {
  const errors: FieldError[] = [];
  const url = text(git, 'url');
  const fault = url === undefined ? undefined : gitUrlFault(url);
  if (fault !== undefined) errors.push(forbidden([...path, 'url'], fault));
  const named = ['branch', 'tag', 'commit'].filter((name) => has(git, name));
  for (const name of named.slice(1))
    errors.push(forbidden([...path, name], `cannot be combined with ${named[0]}; remove one of the two`));
  for (const name of ['branch', 'tag']) {
    const reference = text(git, name);
    if (reference !== undefined && !isReference(reference))
      errors.push(invalid([...path, name], reference, `a valid Git ${name} name (git check-ref-format)`));
  }
  const folder = text(git, 'path') ?? '.';
  if (folder.startsWith('/') || leavesTree(folder))
    errors.push(
      invalid([...path, 'path'], folder, 'a relative path of a folder in the repository, without ".."'),
    );
  return [...errors, ...checkGlobs(git, path)];
}

function checkDirectory(directory: unknown, path: Path): FieldError[] {
  const folder = text(directory, 'path') ?? '';
  const errors = leavesTree(folder) ? [invalid([...path, 'path'], folder, 'a path without ".."')] : [];
  return [...errors, ...checkGlobs(directory, path)];
}

const checkGlobs = (source: unknown, path: Path): FieldError[] =>
  ['include', 'ignore'].flatMap((name) =>
    globsOf(source, name).flatMap((glob, at) => {
      const pattern = orEmpty(glob);
      const outside = pattern.startsWith('/') || leavesTree(pattern);
      return outside ? [invalid([...path, name, at], pattern, 'a relative glob pattern, without ".."')] : [];
    }),
  );

const globsOf = (source: unknown, name: string): readonly unknown[] => {
  const globs = field(source, name);
  return Array.isArray(globs) ? globs : [];
};

const leavesTree = (path: string): boolean => path.split('/').includes('..') || path.includes('\0');

/** The rules of git-check-ref-format(1) for the part after refs/heads/ or refs/tags/. */
const isReference = (name: string): boolean =>
  !/[\p{Cc} ~^:?*[\\]|\.\.|@\{|\/\/|^[-/.]|\/\.|[/.]$|\.lock(\/|$)/u.test(name) && name !== '@';

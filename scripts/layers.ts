/** The layers of src, top to bottom: a package imports only from lower ones. Used by the lint and by the picture in docs. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const src = join(import.meta.dirname, '../src');

/** Each package with what it holds. */
export const layers: ReadonlyMap<string, string> = new Map([
  ['cli', 'the command line: one file for each verb'],
  ['daemon', 'the composition root: builds the parts'],
  ['server', 'HTTP: resources, watches, streams, tokens'],
  ['controller', 'queue, cache, reconcilers, Syncs'],
  ['conversations', 'messages to agents, and the pipes of their runs'],
  ['drivers', 'processes and containers'],
  ['views', 'what people see of the objects, as data'],
  ['client', 'the interfaces of the API; local and HTTP'],
  ['registry', 'what an API server does to an object'],
  ['messages', 'the journal of messages'],
  ['protocols', 'ACP and JSON lines'],
  ['sources', 'Git repositories and folders'],
  ['store', 'objects in SQLite'],
  ['platform', 'clock, log, ids, paths, retries'],
  ['plan', 'the decisions, pure'],
  ['api', 'kinds, errors, validation, manifests, pure'],
]);

export interface Import {
  /** Paths in src. */
  file: string;
  path: string;
  /** The packages. */
  from: string;
  to: string;
}

/** All imports within src, type imports too, ordered by file. */
export function imports(): Import[] {
  return sourceFiles().flatMap((file) => {
    const text = readFileSync(join(src, file), 'utf8');
    return [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].flatMap(([, target = '']) => {
      const path = relative(src, join(src, dirname(file), target));
      const to = packageOf(path);
      return to === '..' ? [] : [{ file, path, from: packageOf(file), to }];
    });
  });
}

export const importsBetweenPackages = (): Import[] => imports().filter(({ from, to }) => from !== to);

/** Returns one circle of files that import each other; empty if there is none. */
export function circleOf(all: readonly Pick<Import, 'file' | 'path'>[]): string[] {
  const targets = Map.groupBy(all, ({ file }) => file);
  const done = new Set<string>();
  const visit = (file: string, trail: readonly string[]): string[] => {
    if (trail.includes(file)) return [...trail.slice(trail.indexOf(file)), file];
    if (done.has(file)) return [];
    for (const { path } of targets.get(file) ?? []) {
      const circle = visit(path, [...trail, file]);
      if (circle.length > 0) return circle;
    }
    done.add(file);
    return [];
  };
  for (const file of targets.keys()) {
    const circle = visit(file, []);
    if (circle.length > 0) return circle;
  }
  return [];
}

export const packageOf = (path: string): string => path.split('/')[0] ?? '';

export const sourceFiles = (): string[] =>
  globSync('**/*.{ts,js}', { cwd: src })
    .filter((name) => !name.endsWith('.d.ts'))
    .sort();

import { parseChunk } from '../../api/manifest/yaml.ts';
import { type Source as ManifestFile, parseManifests } from '../../api/manifest.ts';
import { checkSealed } from '../kustomization.ts';
import { SourceError, type SourceReason } from '../source.ts';
import type { Field, Place, ReadFile } from './parser.ts';

/** A request to a Parser. Plain data, because it crosses threads. */
export type Job =
  | { type: 'parse'; files: readonly ManifestFile[] }
  | { type: 'locate'; file: ManifestFile; fields: readonly Field[] }
  | { type: 'seal'; root: string; path: string }
  | { type: 'value'; text: string };

interface Answers {
  parse: ReadFile[];
  locate: Place[];
  seal: { refused?: { reason: SourceReason; message: string } };
  value: { json: string } | { faultAt: number };
}

export type JobAnswer<J extends Job> = Answers[J['type']];

/** The maximum for one file: no one reads more. */
const mostErrors = 1000;

export function answer(job: Job): Answers[Job['type']] {
  switch (job.type) {
    case 'parse':
      return job.files.map(readFile);
    case 'locate':
      return locate(job.file, job.fields);
    case 'seal':
      return seal(job.root, job.path);
    case 'value':
      return valueIn(job.text);
  }
}

function readFile(file: ManifestFile): ReadFile {
  const text = Buffer.from(file.bytes).toString('utf8');
  const lineEnds = text.split('\n').length - 1;
  if (!saysSomething(text)) return { documents: [], errors: [], moreErrors: 0, lineEnds };
  const { documents, errors } = parseManifests([file]);
  return {
    documents: documents.map(({ line, info, name, namespace, object }) => ({
      line,
      kind: info.kind,
      name,
      namespace,
      json: JSON.stringify(object),
    })),
    errors: errors.slice(0, mostErrors),
    moreErrors: Math.max(0, errors.length - mostErrors),
    lineEnds,
  };
}

/** A file with only comments is a manifest that was commented out. An empty file may be incomplete. */
function saysSomething(text: string): boolean {
  const lines = text.split('\n').map((line) => line.trim());
  return !lines.some((line) => line !== '') || lines.some((line) => !/^(#.*|---)?$/.test(line));
}

function locate(file: ManifestFile, fields: readonly Field[]): Place[] {
  const { documents } = parseManifests([file]);
  return fields.map(({ document, path }) => documents[document]?.locate(path) ?? { line: 1, column: 1 });
}

function seal(root: string, path: string): Answers['seal'] {
  try {
    checkSealed(root, path);
    return {};
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    return { refused: { reason: error.code, message: error.message } };
  }
}

function valueIn(text: string): Answers['value'] {
  const { value, faults } = parseChunk({ text, offset: 0 });
  const [fault] = faults;
  return fault === undefined ? { json: JSON.stringify(value ?? null) } : { faultAt: fault.offset };
}

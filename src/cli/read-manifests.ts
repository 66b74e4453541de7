import { formatManifestError, type ManifestDocument, parseManifests } from '../api/manifest.ts';
import { type AnyObject, droppedText, type New, withoutServerFields } from '../api/objects.ts';
import type { Member } from '../client/write-objects.ts';
import type { Cli } from './cli.ts';
import { CliError } from './failure.ts';
import { type GlobalOptions, namespaceOf } from './global-options.ts';
import { readSources, type SourceOptions } from './read-files.ts';
import { objectName } from './targets.ts';

export interface FileOptions extends GlobalOptions, SourceOptions {}

/** One document of a set, ready to be sent. */
export interface Manifest extends Member {
  document: ManifestDocument;
  /** `agent.agentctl.dev/web` */
  text: string;
}

/** Reads and checks all documents that -f or -k names. Throws with all errors of all documents. */
export async function readManifests(options: FileOptions, cli: Cli): Promise<Manifest[]> {
  const sources = await readSources(options, cli);
  const namespace = namespaceOf(options, cli.environment);
  const { documents, errors } = parseManifests(sources, { namespace });
  const unnamed = documents.filter(({ name }) => name === undefined);
  const clashes =
    options.namespace === undefined
      ? []
      : documents.filter(
          ({ info, namespace: own }) => info.namespaced && own !== undefined && own !== options.namespace,
        );
  const texts = [
    ...errors.map(formatManifestError),
    ...unnamed.map(
      (document) => `${place(document, ['metadata'])}: metadata.name: is missing, but apply requires it`,
    ),
    ...clashes.map(
      (document) =>
        `${place(document, ['metadata', 'namespace'])}: metadata.namespace: found ${JSON.stringify(document.namespace)}, but --namespace is ${JSON.stringify(options.namespace)}`,
    ),
  ];
  if (texts.length > 0) throw new CliError(texts.join('\nerror: '));
  return documents.map((document) => manifestOf(document, namespace, cli));
}

function place(document: ManifestDocument, path: string[]): string {
  const { line, column } = document.locate(path);
  return `${document.source}:${line}:${column}: ${document.info.kind}/${document.name ?? '?'}`;
}

function manifestOf(document: ManifestDocument, fallback: string, cli: Cli): Manifest {
  const { info, name = '' } = document;
  const given = document.object as New<AnyObject>; // validated against the kind's schema
  const { object, dropped } = withoutServerFields(given);
  if (dropped.length > 0) cli.err(`Warning: ${place(document, ['metadata'])}: ${droppedText(dropped)}\n`);
  const namespace = info.namespaced ? (document.namespace ?? fallback) : undefined;
  const { namespace: _, ...metadata } = object.metadata;
  return {
    document,
    info,
    object: { ...object, metadata: namespace === undefined ? metadata : { ...metadata, namespace } },
    key: namespace === undefined ? { name } : { namespace, name },
    text: objectName(info, name),
  };
}

import { isApiError } from '../../api/errors.ts';
import type { AnyObject } from '../../api/objects.ts';
import type { Client } from '../cli.ts';
import { tell } from '../failure.ts';
import type { Manifest } from '../manifests.ts';
import { parallel } from '../parallel.ts';
import type { ApplyOptions } from './options.ts';

/** What became of a document: kubectl's words created, configured, unchanged. */
export interface Written {
  manifest: Manifest;
  object: AnyObject | undefined;
  word: string;
}

/** Writes kind by kind, so that what is referred to stands before what refers to it; all of one kind side by side. */
export async function writeAll(
  client: Client,
  changes: readonly Written[],
  options: ApplyOptions,
): Promise<{ written: Written[]; failures: { text: string }[] }> {
  const written: Written[] = [];
  const failures: { text: string }[] = [];
  for (const group of Map.groupBy(changes, ({ manifest }) => manifest.info.kind).values()) {
    const results = await parallel(group, 32, ({ manifest }) => writeOne(client, manifest, options));
    for (const [index, result] of results.entries()) {
      const change = group[index];
      if (change === undefined) continue;
      if (result.status === 'fulfilled') written.push({ ...change, object: result.value });
      else failures.push({ text: `error: ${textAt(change.manifest, result.reason)}` });
    }
  }
  return { written, failures };
}

export const writeOne = (
  client: Client,
  { info, key, object }: Manifest,
  options: ApplyOptions,
): Promise<AnyObject> =>
  client.patch(
    info.kind,
    key,
    { type: 'apply', body: object },
    { fieldManager: options.fieldManager, force: options.forceConflicts, fieldValidation: 'Strict' },
  );

/** A failure with the place of its document, and what mends it. */
export function textAt({ document, text }: Manifest, error: unknown): string {
  const told = tell(error).text.replace(/^error: /, '');
  const hint = isApiError(error, 'Conflict') ? '. --force-conflicts takes these fields over' : '';
  return `${document.source}:${document.line}: ${text}: ${told}${hint}`;
}

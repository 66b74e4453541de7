import { type Change, changesOf } from '../../api/changes.ts';
import { liveObjects } from '../../client/apply/live.ts';
import { tryManifests } from '../apply/try.ts';
import type { Cli } from '../cli.ts';
import { exitCode } from '../failure.ts';
import { type FileOptions, type Manifest, readManifests } from '../manifests.ts';
import { createdText, differsText, placed, plainFields } from './text.ts';

export interface DiffOptions extends FileOptions {
  forceConflicts?: boolean;
  fieldManager: string;
  output?: 'json';
}

interface Difference {
  manifest: Manifest;
  /** Absent if the object does not exist yet. */
  changes?: Change[];
}

export async function diff(options: DiffOptions, cli: Cli): Promise<void> {
  const manifests = await readManifests(options, cli);
  const client = await cli.connect(options);
  const differences: Difference[] = [];
  for (const { member: manifest, before, after } of await tryManifests(
    client,
    manifests,
    options,
    await liveObjects(client, manifests),
  )) {
    if (before === undefined || after === undefined) differences.push({ manifest });
    else {
      const changes = changesOf(manifest.info, before, after);
      if (changes.length > 0) differences.push({ manifest, changes });
    }
  }
  if (differences.length > 0) cli.exitCode = exitCode.different;
  if (options.output === 'json') return cli.out(`${JSON.stringify(differences.map(plain), null, 2)}\n`);
  cli.out(differences.map((each) => `${differenceText(each)}\n`).join('\n'));
}

const plain = ({ manifest, changes }: Difference) => ({
  object: manifest.text,
  namespace: manifest.key.namespace,
  change: changes === undefined ? 'create' : 'update',
  fields: plainFields(changes ?? []),
});

function differenceText({ manifest: { text, key, info }, changes }: Difference): string {
  const where = placed(text, key.namespace);
  return changes === undefined ? createdText(where) : differsText(where, changes, info.kind === 'Agent');
}

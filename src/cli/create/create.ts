import { fieldErrorText } from '../../api/field-error.ts';
import { kindInfo } from '../../api/kinds.ts';
import type { AnyObject, Kind, New } from '../../api/objects.ts';
import { validateObject } from '../../api/validate.ts';
import type { Cli } from '../cli.ts';
import { CliError } from '../failure.ts';
import { tellFailures } from '../get/ask.ts';
import { type FileOptions, readManifests } from '../manifests.ts';
import { namespaceOf } from '../options.ts';
import { formatObjects, withoutManagedFields } from '../print/objects.ts';
import { objectName } from '../targets.ts';

export interface CreateOptions extends FileOptions {
  dryRun: 'none' | 'client' | 'server';
  output?: 'json' | 'yaml' | 'name';
}

const fieldManager = 'agentctl-create';

/** Makes one object; `content` is all of it but kind and metadata. */
export async function createOne(
  kind: Kind,
  name: string,
  content: object,
  options: CreateOptions,
  cli: Cli,
): Promise<void> {
  const info = kindInfo(kind);
  const metadata = info.namespaced ? { name, namespace: namespaceOf(options, cli.environment) } : { name };
  const object = { apiVersion: info.apiVersion, kind, metadata, ...content };
  const errors = validateObject(info, object);
  if (errors.length > 0) throw new CliError(errors.map(fieldErrorText).join('\nerror: '));
  await send([object as New<AnyObject>], options, cli); // just validated
}

export async function createFromFiles(options: CreateOptions, cli: Cli): Promise<void> {
  const manifests = await readManifests(options, cli);
  await send(
    manifests.map(({ object }) => object),
    options,
    cli,
  );
}

async function send(objects: readonly New<AnyObject>[], options: CreateOptions, cli: Cli): Promise<void> {
  const { dryRun } = options;
  const client = dryRun === 'client' ? undefined : await cli.connect(options, { start: dryRun === 'none' });
  const failures: unknown[] = [];
  for (const object of objects) {
    const kind = object.kind as Kind; // validated
    try {
      const made =
        client === undefined
          ? (object as AnyObject) // a client dry run knows no more
          : await client.create(kind, object as New<never>, {
              fieldManager,
              fieldValidation: 'Strict',
              dryRun: dryRun === 'server',
            }); // of this kind
      const suffix = dryRun === 'none' ? '' : dryRun === 'server' ? ' (server dry run)' : ' (dry run)';
      cli.out(
        options.output === undefined
          ? `${objectName(kindInfo(kind), made.metadata.name)} created${suffix}\n`
          : await formatObjects({ type: options.output }, [withoutManagedFields(made)], true),
      );
    } catch (error) {
      failures.push(error);
    }
  }
  tellFailures(failures, cli);
}

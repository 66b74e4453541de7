import { isApiError } from '../../api/errors.ts';
import type { AnyObject } from '../../api/objects.ts';
import type { Cli, Client } from '../cli.ts';
import { fieldManager } from '../patching.ts';
import type { Selected } from '../select.ts';

const ours = (finalizer: string): boolean => finalizer.startsWith('agentctl.dev/');

/** Takes our finalizers off an object whose Runtime is gone for good, after telling what may be left there. */
export async function forceOff(client: Client, { info, key, text }: Selected, cli: Cli): Promise<void> {
  const left = info.kind === 'Agent' ? await instancesOf(client, key.namespace, key.name) : [];
  for (const { metadata, spec, status } of left) {
    const ref = status?.run?.ref;
    if (ref !== undefined) {
      cli.err(
        `Warning: ${metadata.name} may go on running on runtime ${spec.runtimeRef.name} as ${ref}: nobody looks after it now\n`,
      );
    }
    await dropFinalizers(client, 'Instance', { namespace: metadata.namespace, name: metadata.name });
  }
  await dropFinalizers(client, info.kind, key);
  cli.err(`Warning: ${text} was let go of without its Runtime's answer\n`);
}

async function instancesOf(client: Client, namespace: string | undefined, agent: string) {
  const { items } = await client.list('Instance', { namespace });
  return items.filter(({ spec }) => spec.agentName === agent);
}

async function dropFinalizers(client: Client, kind: AnyObject['kind'], key: Selected['key']): Promise<void> {
  try {
    const object = await client.get(kind, key);
    const finalizers = (object.metadata.finalizers ?? []).filter((name) => !ours(name));
    const { resourceVersion } = object.metadata;
    await client.patch(
      kind,
      key,
      { type: 'merge', body: { metadata: { finalizers, resourceVersion } } },
      { fieldManager },
    );
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error; // it has gone by itself
  }
}

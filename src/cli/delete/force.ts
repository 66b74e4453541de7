import { isApiError } from '../../api/errors.ts';
import { kindInfo } from '../../api/kinds.ts';
import { writeChange } from '../changing.ts';
import type { Cli, Client } from '../cli.ts';
import { fieldManager } from '../patching.ts';
import { type Selected, selectedOf } from '../select.ts';

const ours = (finalizer: string): boolean => finalizer.startsWith('agentctl.dev/');

/** Takes our finalizers off an object whose Runtime is gone for good, after telling what may be left there. */
export async function forceOff(client: Client, selected: Selected, cli: Cli): Promise<void> {
  const { info, key, text } = selected;
  const left = info.kind === 'Agent' ? await instancesOf(client, key.namespace, key.name) : [];
  for (const { metadata, spec, status } of left) {
    const ref = status?.run?.ref;
    if (ref !== undefined) {
      cli.err(
        `Warning: ${metadata.name} may still run on runtime ${spec.runtimeRef.name} as ${ref}; agentctl no longer manages it\n`,
      );
    }
    await dropFinalizers(client, selectedOf(kindInfo('Instance'), metadata.name, metadata.namespace));
  }
  await dropFinalizers(client, selected);
  cli.err(`Warning: ${text} was deleted although its Runtime did not answer\n`);
}

async function instancesOf(client: Client, namespace: string | undefined, agent: string) {
  const { items } = await client.list('Instance', { namespace });
  return items.filter(({ spec }) => spec.agentName === agent);
}

async function dropFinalizers(client: Client, each: Selected): Promise<void> {
  try {
    const before = await client.get(each.info.kind, each.key);
    const finalizers = (before.metadata.finalizers ?? []).filter((name) => !ours(name));
    const after = { ...before, metadata: { ...before.metadata, finalizers } };
    await writeChange(client, each, { before, after }, { fieldManager });
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error; // it has gone by itself
  }
}

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
        `Warning: ${metadata.name} may still be running on runtime ${spec.runtimeRef.name} as ${ref}, and is no longer managed\n`,
      );
    }
    await dropFinalizers(client, selectedOf(kindInfo('Instance'), metadata.name, metadata.namespace));
  }
  if (await dropFinalizers(client, selected))
    cli.err(`Warning: ${text} was deleted without waiting for its Runtime\n`);
}

async function instancesOf(client: Client, namespace: string | undefined, agent: string) {
  const { items } = await client.list('Instance', { namespace });
  return items.filter(({ spec }) => spec.agentName === agent);
}

/** Whether it waited for any of them. */
async function dropFinalizers(client: Client, each: Selected): Promise<boolean> {
  try {
    const before = await client.get(each.info.kind, each.key);
    if (!(before.metadata.finalizers ?? []).some(ours)) return false;
    const finalizers = (before.metadata.finalizers ?? []).filter((name) => !ours(name));
    const after = { ...before, metadata: { ...before.metadata, finalizers } };
    await writeChange(client, each, { before, after }, { fieldManager });
    return true;
  } catch (error) {
    if (isApiError(error, 'NotFound')) return false; // it has gone by itself
    throw error;
  }
}

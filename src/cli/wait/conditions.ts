import { listed } from '../../api/listed.ts';
import type { AnyObject, Condition } from '../../api/objects.ts';
import { UsageError } from '../failure.ts';
import { parsePath } from '../print/jsonpath-output.ts';
import { revision } from './revision.ts';
import type { Judge, Judgement } from './until.ts';

/** Parses --for: `delete`, `create`, `condition=Ready[=False]`, `jsonpath={.path}[=value]`, `revision=SHA`. */
export function parseFor(text: string): Judge<AnyObject> {
  if (text === 'delete') return deleted;
  if (text === 'create') return (object) => (object === undefined ? { pending: 'it does not exist' } : 'met');
  const [, kind, rest = ''] = /^(condition|jsonpath|revision)=(.*)$/s.exec(text) ?? [];
  if (kind === 'condition' && rest !== '') {
    const [, type = rest, status = 'True'] = /^([^=]+)=(.*)$/.exec(rest) ?? [];
    return condition(type, status);
  }
  if (kind === 'jsonpath' && rest !== '') return jsonpath(rest);
  if (kind === 'revision') return revision(rest);
  throw new UsageError(
    `--for: found ${JSON.stringify(text)}, expected condition=Ready, condition=Ready=False, delete, create, jsonpath='{.status.phase}'=Ready, or revision=SHA of a sync`,
  );
}

export const deleted: Judge<AnyObject> = (object) => {
  if (object === undefined) return 'met';
  if (object.metadata.deletionTimestamp === undefined) return { pending: 'it is not being deleted' };
  const waits = object.metadata.finalizers ?? [];
  const said = waits.some((name) => name.startsWith('agentctl.dev/')) ? endingMessage(object) : undefined;
  return {
    pending:
      said === undefined
        ? `it is being deleted; ${listed(waits) || 'the server'} has not finished yet`
        : `it is being deleted: ${said}`,
  };
};

/** Returns the controller's message about the deletion; an Agent's message is that of its Instances. */
function endingMessage(object: AnyObject): string | undefined {
  if (object.kind !== 'Agent' && object.kind !== 'Instance') return undefined;
  const { phase, message } = object.status ?? {};
  return (phase === 'Stopping' || phase === 'Unknown') && message !== '' ? message : undefined;
}

export function condition(type: string, wanted: string): Judge<AnyObject> {
  return (object) => {
    if (object === undefined) return { never: 'it does not exist' };
    const status = 'status' in object ? object.status : undefined;
    const all: readonly Condition[] =
      status !== undefined && 'conditions' in status ? (status.conditions ?? []) : [];
    const found = all.find((each) => each.type.toLowerCase() === type.toLowerCase());
    const seen = found?.observedGeneration ?? observedGeneration(object);
    const current = (object.metadata.generation ?? 0) <= (seen ?? object.metadata.generation ?? 0);
    if (found !== undefined && current && found.status.toLowerCase() === wanted.toLowerCase()) return 'met';
    const hopeless = current && type.toLowerCase() === 'ready' && wanted.toLowerCase() === 'true';
    const why = hopeless ? neverReady(object, all) : undefined;
    if (why !== undefined) return { never: why };
    if (object.metadata.deletionTimestamp !== undefined) return { never: 'it is being deleted' };
    return { pending: pendingText(type, found, current) };
  };
}

/** Ready, or in mode OnDemand and asleep until a message comes. */
export const readyOrAsleep: Judge<AnyObject> = (object) => {
  const { phase, observedGeneration: seen = 0 } = (object?.kind === 'Agent' && object.status) || {};
  const current = seen >= (object?.metadata.generation ?? 0);
  return phase === 'Asleep' && current
    ? { met: 'sleeps until a message arrives' }
    : condition('Ready', 'True')(object);
};

/**
 * Like readyOrAsleep, but does not wait for missing objects: a one-off agent was created just now, and will be removed
 * again.
 */
export const readyAtOnce: Judge<AnyObject> = (object) => {
  const { phase, reason = '', message = '' } = (object?.kind === 'Agent' && object.status) || {};
  return phase === 'Pending' && missing.has(reason)
    ? { never: `${reason}: ${message}` }
    : readyOrAsleep(object);
};

const missing: ReadonlySet<string> = new Set([
  'CommandNotFound',
  'FilesNotWritable',
  'ImagePull',
  'ImageMissing',
  'MountMissing',
  'SecretMissing',
  'ConfigMapMissing',
]);

const observedGeneration = (object: AnyObject): number | undefined =>
  'status' in object && object.status !== undefined && 'observedGeneration' in object.status
    ? object.status.observedGeneration
    : undefined;

function pendingText(type: string, found: Condition | undefined, current: boolean): string {
  if (found === undefined) return `it has no condition ${type} yet`;
  if (!current) return `its latest spec has not been observed yet`;
  return `${type} is ${found.status}: ${found.reason}${found.message === '' ? '' : `: ${found.message}`}`;
}

/** Returns why an Agent or Instance can no longer become Ready by itself; undefined if it can. */
function neverReady(object: AnyObject, conditions: readonly Condition[]): string | undefined {
  const accepted = conditions.find(({ type }) => type === 'Accepted');
  if (accepted?.status === 'False' && !curable.has(accepted.reason))
    return `${accepted.reason}: ${accepted.message}`;
  if (object.kind !== 'Agent' && object.kind !== 'Instance') return undefined;
  if (object.kind === 'Agent' && object.spec.suspend) {
    return `it is suspended; agentctl resume ${object.metadata.name} starts it`;
  }
  if (object.kind === 'Agent' && object.spec.replicas === 0) return 'it has no replicas';
  const { phase, reason, message } = object.status ?? {};
  if (phase !== 'Failed' && phase !== 'Completed' && phase !== 'Stopped') return undefined;
  return [phase, reason, message].filter((part) => part !== undefined && part !== '').join(': ');
}

/** Reasons of Accepted=False that end when another object is created. */
export const curable: ReadonlySet<string> = new Set(['PolicyMissing', 'RuntimeMissing']);

function jsonpath(text: string): Judge<AnyObject> {
  const [, path = text, wanted] = /^'?(\{[^}]*\}|[^=]+?)'?(?:={1,2}(.*))?$/s.exec(text) ?? [];
  const find = parsePath(path);
  return (object): Judgement => {
    if (object === undefined) return { never: 'it does not exist' };
    const values = find(object).map((value) =>
      typeof value === 'object' ? JSON.stringify(value) : String(value),
    );
    if (values.some((value) => wanted === undefined || value === wanted)) return 'met';
    if (object.metadata.deletionTimestamp !== undefined) return { never: 'it is being deleted' };
    return { pending: `${path} is ${values.length === 0 ? 'not set' : listed(values)}` };
  };
}

import type { AgentSpec } from '../api/objects.ts';
import { type Reference, references } from '../api/references.ts';
import type { Refusal } from './accept.ts';
import type { World } from './world.ts';

const required = new WeakMap<AgentSpec, readonly Reference[]>();

function requiredBy(spec: AgentSpec): readonly Reference[] {
  let known = required.get(spec);
  if (known === undefined) {
    known = references(spec.template).filter(({ optional }) => !optional);
    required.set(spec, known);
  }
  return known;
}

/** Which Secrets, ConfigMaps and keys the spec needs and does not find, with the command that makes each. */
export function missingInputs(world: World): Refusal | undefined {
  const needed = requiredBy(world.agent.spec);
  if (needed.length === 0) return undefined;
  const { namespace = 'default' } = world.agent.metadata;
  const texts = new Map<string, string>();
  let reason: string | undefined;
  for (const { kind, name, key } of needed) {
    const object = `${kind}/${name}`;
    const gone = world.inputs[object] === null;
    if (!gone && (key === undefined || world.inputs[`${object}#${key}`] !== null)) continue;
    reason ??= kind === 'Secret' ? 'SecretMissing' : 'ConfigMapMissing';
    const what = gone ? `The ${kind} ${name} does not exist.` : `The ${kind} ${name} has no key ${key}.`;
    if (!texts.has(what)) texts.set(what, `${what} ${remedy(kind, name, key, namespace, gone)}`);
  }
  return reason === undefined ? undefined : { reason, message: [...texts.values()].join(' ') };
}

function remedy(
  kind: string,
  name: string,
  key: string | undefined,
  namespace: string,
  gone: boolean,
): string {
  const flag = namespace === 'default' ? '' : ` -n ${namespace}`;
  const pair = `${key ?? 'KEY'}=...`;
  if (kind === 'ConfigMap') return gone ? `Create it.` : `Add it: agentctl edit configmap ${name}${flag}.`;
  return gone
    ? `Create it: agentctl create secret generic ${name}${flag} --from-literal=${pair}`
    : `Add it: agentctl patch secret ${name}${flag} -p '{"stringData":{"${key}":"..."}}'`;
}

import { type FieldError, forbidden, invalid } from '../field-error.ts';
import { isNetworkName } from '../names.ts';
import type { JsonObject } from '../schema.ts';
import { field, has, orEmpty, text } from './read.ts';

export function checkRuntime(runtime: JsonObject): FieldError[] {
  const spec = runtime.spec;
  const errors: FieldError[] = [];
  const endpoint = text(spec, 'endpoint');
  if (text(spec, 'driver') === 'process') {
    for (const name of ['endpoint', 'tlsSecretRef']) {
      if (has(spec, name))
        errors.push(forbidden(['spec', name], 'must not be set: the driver process runs on this host'));
    }
    if (field(spec, 'default') === true)
      errors.push(
        forbidden(['spec', 'default'], 'must be false: Agents with an image cannot run on driver process'),
      );
  }
  if (has(spec, 'tlsSecretRef') && !endpoint?.startsWith('tcp://'))
    errors.push(forbidden(['spec', 'tlsSecretRef'], 'can only be used with an endpoint of tcp://'));
  const paths = field(spec, 'allowHostPaths');
  for (const [at, path] of (Array.isArray(paths) ? paths : []).entries()) {
    if (orEmpty(path).split('/').includes('..'))
      errors.push(invalid(['spec', 'allowHostPaths', at], path, 'a path without ".."'));
  }
  return [...errors, ...checkAllow(field(spec, 'allow'), text(spec, 'driver'))];
}

/** Fields that belong to one driver. Defaults are filled in before an object is checked. */
const driverOf = {
  privileged: 'docker',
  hostNetwork: 'docker',
  hostIPs: 'docker',
  capabilities: 'docker',
  networks: 'docker',
  volumes: 'docker',
  users: 'process',
  controllerUser: 'process',
};

function checkAllow(allow: unknown, driver: string | undefined): FieldError[] {
  const others = Object.entries(driverOf).flatMap(([name, needed]) => {
    const value = field(allow, name);
    const says = Array.isArray(value)
      ? value.length > 0
      : name === 'controllerUser'
        ? has(allow, name)
        : value;
    return says && driver !== needed
      ? [forbidden(['spec', 'allow', name], `must not be set: only the driver ${needed} uses it`)]
      : [];
  });
  const networks = field(allow, 'networks');
  const modes = (Array.isArray(networks) ? networks : []).flatMap((name, at) =>
    typeof name === 'string' && !isNetworkName(name)
      ? [invalid(['spec', 'allow', 'networks', at], name, 'the name of a network, not a mode')]
      : [],
  );
  return [...others, ...modes];
}

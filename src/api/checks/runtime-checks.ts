import { type Capabilities, driverCapabilities } from '../capabilities.ts';
import { type FieldError, forbidden, invalid } from '../field-error.ts';
import { listed } from '../listed.ts';
import { isNetworkName } from '../names.ts';
import type { JsonObject } from '../schema.ts';
import { field, has, orEmpty, text } from './optional-fields.ts';

export function checkRuntime(runtime: JsonObject): FieldError[] {
  const spec = runtime.spec;
  const errors: FieldError[] = [];
  const endpoint = text(spec, 'endpoint');
  const driver = text(spec, 'driver');
  const [, capabilities] = drivers.find(([name]) => name === driver) ?? [];
  if (capabilities?.hostAccess === 'Direct') {
    for (const name of ['endpoint', 'tlsSecretRef']) {
      if (has(spec, name))
        errors.push(forbidden(['spec', name], `must not be set: the driver ${driver} runs on this host`));
    }
  }
  if (capabilities?.imageRequired === false && field(spec, 'default') === true)
    errors.push(
      forbidden(['spec', 'default'], `must be false: Agents with an image cannot run on driver ${driver}`),
    );
  if (has(spec, 'tlsSecretRef') && !endpoint?.startsWith('tcp://'))
    errors.push(forbidden(['spec', 'tlsSecretRef'], 'can only be used with an endpoint of tcp://'));
  const paths = field(spec, 'allowHostPaths');
  for (const [at, path] of (Array.isArray(paths) ? paths : []).entries()) {
    if (orEmpty(path).split('/').includes('..'))
      errors.push(invalid(['spec', 'allowHostPaths', at], path, 'a path without ".."'));
  }
  return [...errors, ...checkAllow(field(spec, 'allow'), capabilities)];
}

const drivers: readonly (readonly [string, Capabilities])[] = Object.entries(driverCapabilities);

/** The access to the host that a field is about. Defaults are filled in before an object is checked. */
const accessOf = {
  privileged: 'Granted',
  hostNetwork: 'Granted',
  hostIPs: 'Granted',
  capabilities: 'Granted',
  networks: 'Granted',
  volumes: 'Granted',
  users: 'Direct',
  controllerUser: 'Direct',
};

function checkAllow(allow: unknown, capabilities: Capabilities | undefined): FieldError[] {
  const others = Object.entries(accessOf).flatMap(([name, needed]) => {
    const value = field(allow, name);
    const says = Array.isArray(value)
      ? value.length > 0
      : name === 'controllerUser'
        ? has(allow, name)
        : value;
    if (!says || capabilities?.hostAccess === needed) return [];
    const users = drivers.filter(([, { hostAccess }]) => hostAccess === needed).map(([driver]) => driver);
    const why = `must not be set: only the driver ${listed(users, { separator: ' or ' })} uses it`;
    return [forbidden(['spec', 'allow', name], why)];
  });
  const networks = field(allow, 'networks');
  const modes = (Array.isArray(networks) ? networks : []).flatMap((name, at) =>
    typeof name === 'string' && !isNetworkName(name)
      ? [invalid(['spec', 'allow', 'networks', at], name, 'the name of a network, not a mode')]
      : [],
  );
  return [...others, ...modes];
}

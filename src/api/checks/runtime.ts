import { type FieldError, forbidden, invalid } from '../field-error.ts';
import type { JsonObject } from '../schema.ts';
import { field, has, text } from './read.ts';

export function checkRuntime(runtime: JsonObject): FieldError[] {
  const spec = runtime.spec;
  const errors: FieldError[] = [];
  const endpoint = text(spec, 'endpoint');
  if (text(spec, 'driver') === 'process') {
    for (const name of ['endpoint', 'tlsSecretRef']) {
      if (has(spec, name))
        errors.push(forbidden(['spec', name], 'must be left out: the driver process runs on this host'));
    }
    if (field(spec, 'default') === true)
      errors.push(
        forbidden(['spec', 'default'], 'must be false: Agents with an image cannot run on driver process'),
      );
  }
  if (has(spec, 'tlsSecretRef') && !endpoint?.startsWith('tcp://'))
    errors.push(forbidden(['spec', 'tlsSecretRef'], 'goes with an endpoint of tcp:// only'));
  const paths = field(spec, 'allowHostPaths');
  for (const [at, path] of (Array.isArray(paths) ? paths : []).entries()) {
    if (String(path).split('/').includes('..'))
      errors.push(invalid(['spec', 'allowHostPaths', at], path, 'a path without ".."'));
  }
  return errors;
}

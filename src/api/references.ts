import type { AgentSpec } from './objects.ts';

/** A reference of an Agent's template to a Secret or ConfigMap, or to one key of it. */
export interface Reference {
  kind: 'Secret' | 'ConfigMap';
  name: string;
  /** Absent: the whole object. */
  key?: string | undefined;
  optional: boolean;
  /** The field with the reference, for example `spec.template.env[KEY]`. */
  field: string;
}

type Template = AgentSpec['template'];

/** Returns all references of a template, in its order. */
export function references({ env = [], envFrom = [], files = [], volumes = [] }: Template): Reference[] {
  const found: Reference[] = [];
  type Named = Omit<Reference, 'kind' | 'field'>;
  const add = (field: string, secret: Named | undefined, configMap: Named | undefined): void => {
    if (secret !== undefined) found.push({ kind: 'Secret', ...secret, field });
    if (configMap !== undefined) found.push({ kind: 'ConfigMap', ...configMap, field });
  };
  for (const { name, valueFrom } of env)
    add(`spec.template.env[${name}]`, valueFrom?.secretKeyRef, valueFrom?.configMapKeyRef);
  for (const [index, { secretRef, configMapRef }] of envFrom.entries())
    add(`spec.template.envFrom[${index}]`, secretRef, configMapRef);
  for (const { path, secretKeyRef, configMapKeyRef } of files)
    add(`spec.template.files[${path}]`, secretKeyRef, configMapKeyRef);
  for (const { name, secret, configMap } of volumes) {
    const ofSecret = secret && { name: secret.secretName, optional: secret.optional };
    const ofConfigMap = configMap && { name: configMap.name, optional: configMap.optional };
    add(`spec.template.volumes[${name}]`, ofSecret, ofConfigMap);
  }
  return found;
}

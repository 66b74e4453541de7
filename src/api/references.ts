import type { AgentSpec } from './objects.ts';

/** A Secret or ConfigMap, or one key of it, that an Agent's template names. */
export interface Reference {
  kind: 'Secret' | 'ConfigMap';
  name: string;
  /** Absent: all of it. */
  key?: string | undefined;
  optional: boolean;
  /** Where it stands, as in `spec.template.env[KEY]`. */
  field: string;
}

type Template = AgentSpec['template'];

/** All that a template names, in its order. */
export function references(template: Template): Reference[] {
  const found: Reference[] = [];
  for (const { name, valueFrom } of template.env ?? []) {
    const field = `spec.template.env[${name}]`;
    if (valueFrom?.secretKeyRef !== undefined)
      found.push({ kind: 'Secret', ...valueFrom.secretKeyRef, field });
    if (valueFrom?.configMapKeyRef !== undefined)
      found.push({ kind: 'ConfigMap', ...valueFrom.configMapKeyRef, field });
  }
  for (const [index, { secretRef, configMapRef }] of (template.envFrom ?? []).entries()) {
    const field = `spec.template.envFrom[${index}]`;
    if (secretRef !== undefined) found.push({ kind: 'Secret', ...secretRef, field });
    if (configMapRef !== undefined) found.push({ kind: 'ConfigMap', ...configMapRef, field });
  }
  for (const { path, secretKeyRef, configMapKeyRef } of template.files ?? []) {
    const field = `spec.template.files[${path}]`;
    if (secretKeyRef !== undefined) found.push({ kind: 'Secret', ...secretKeyRef, field });
    if (configMapKeyRef !== undefined) found.push({ kind: 'ConfigMap', ...configMapKeyRef, field });
  }
  for (const { name, secret, configMap } of template.volumes ?? []) {
    const field = `spec.template.volumes[${name}]`;
    if (secret !== undefined)
      found.push({ kind: 'Secret', name: secret.secretName, optional: secret.optional, field });
    if (configMap !== undefined)
      found.push({ kind: 'ConfigMap', name: configMap.name, optional: configMap.optional, field });
  }
  return found;
}

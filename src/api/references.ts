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

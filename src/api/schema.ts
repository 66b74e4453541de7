/** A JSON Schema as in schemas/: structural in Kubernetes' sense, with every $ref resolved. */
export interface JsonSchema {
  type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  description?: string;
  format?: string;
  properties?: Readonly<Record<string, JsonSchema>>;
  additionalProperties?: JsonSchema;
  items?: JsonSchema;
  required?: readonly string[];
  enum?: readonly string[];
  default?: unknown;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  oneOf?: readonly { required: readonly string[] }[];
  'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  'x-kubernetes-list-map-keys'?: readonly string[];
  'x-kubernetes-map-type'?: 'atomic' | 'granular';
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  /** What a change of the field does to a running instance. Inherited by the fields below that do not say. */
  'x-agentctl-update'?: UpdateClass;
  /** The value is an amount: different texts can mean the same value. */
  'x-agentctl-amount'?: 'duration' | 'cores' | 'bytes' | 'signal';
  /** Says in words what `pattern` requires, for the error message. */
  'x-agentctl-expected'?: string;
}

export type UpdateClass = 'live' | 'restart' | 'firstStart';

export type JsonObject = { [key: string]: unknown };

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Returns the schema of a property, of a map's value, or of a list's item. */
export function childSchema(schema: JsonSchema, step: string | number): JsonSchema | undefined {
  if (typeof step === 'number' || schema.type === 'array') return schema.items;
  return (
    (schema.properties !== undefined && Object.hasOwn(schema.properties, step)
      ? schema.properties[step]
      : undefined) ?? schema.additionalProperties
  );
}

// Written by `make generate` from schemas/. Do not edit.
import type { Kind } from '../objects.ts';

export interface SchemaError {
  instancePath: string;
  schemaPath: string;
  keyword: string;
  params: Record<string, unknown>;
}
export interface Validator {
  (value: unknown): boolean;
  errors: SchemaError[] | null;
}
export const validators: Record<Kind, Validator>;

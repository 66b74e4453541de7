/** Objects to validate, and what is told of them. */

import { fieldErrorText } from '../../src/api/field-error.ts';
import { kindInfo } from '../../src/api/kinds.ts';
import type { Kind } from '../../src/api/objects.ts';
import { validateObject } from '../../src/api/validation.ts';

export const agent = (spec: object, metadata: object = { name: 'a' }): object => ({
  apiVersion: 'agentctl.dev/v1',
  kind: 'Agent',
  metadata,
  spec: { template: { command: ['true'] }, ...spec },
});
export const template = (fields: object): object => agent({ template: { command: ['true'], ...fields } });
export const policy = (spec: object): object => ({
  apiVersion: 'agentctl.dev/v1',
  kind: 'Policy',
  metadata: { name: 'p' },
  spec,
});
export const runtime = (spec: object): object => ({
  apiVersion: 'agentctl.dev/v1',
  kind: 'Runtime',
  metadata: { name: 'r' },
  spec,
});
export const core = (kind: string, fields: object): object => ({
  apiVersion: 'v1',
  kind,
  metadata: { name: 'x' },
  ...fields,
});
export const told = (kind: Kind, object: object): string[] =>
  validateObject(kindInfo(kind), object).map(fieldErrorText);

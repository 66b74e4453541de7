import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';

const schema = JSON.parse(readFileSync(join(import.meta.dirname, '../../schemas/jsonl/schema.json'), 'utf8'));
// Several types at once, as null for "not set", are meant; `required` may name fields of the schema around.
const ajv = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false }).addSchema(
  schema,
  'jsonl',
);

/** The names of all messages of one direction. */
export const namesOf = (direction: 'toAgent' | 'fromAgent'): string[] =>
  schema.$defs[direction].oneOf.map(({ $ref }: { $ref: string }) => $ref.replace('#/$defs/', ''));

/** Throws, with all that is wrong, where a line is not as the schema of its type has it. */
export function checkLine(direction: 'toAgent' | 'fromAgent', line: string): void {
  const value = JSON.parse(line);
  if (!namesOf(direction).includes(value.type)) throw new Error(`no message ${direction}: ${line}`);
  if (ajv.validate(`jsonl#/$defs/${value.type}`, value)) return;
  throw new Error(`${ajv.errorsText()}: ${line}`);
}

export const fits = (direction: 'toAgent' | 'fromAgent', line: string): boolean => {
  try {
    checkLine(direction, line);
    return true;
  } catch {
    return false;
  }
};

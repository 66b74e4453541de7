import { expect, test } from 'vitest';
import { ApiError, UnreachableError } from '../../src/api/errors.ts';
import { CliError, describeFailure, UsageError } from '../../src/cli/failure.ts';

const coded = (code: string): Error => Object.assign(new Error(code), { code });
const causes = [
  { reason: 'FieldValueInvalid', field: 'spec.replicas', message: 'found -1, expected 0 or more' },
  { reason: 'FieldValueRequired', field: 'spec.template', message: 'is missing' },
];

test.each([
  [new UsageError('no'), 'error: no', 64],
  [new CliError('no', { exitCode: 2 }), 'error: no', 2],
  [
    new UnreachableError('gone', { cause: coded('ENOENT') }),
    'error: gone. Start one: agentctl controller start',
    3,
  ],
  [new UnreachableError('it hangs', { remedy: 'Restart it' }), 'error: it hangs. Restart it', 3],
  [new UnreachableError('not yours', { cause: coded('EACCES') }), 'error: not yours', 3],
  [new ApiError('NotFound', 'agents "x" not found'), 'Error from server (NotFound): agents "x" not found', 1],
  [
    new ApiError('Invalid', 'all in one line', { details: { kind: 'Agent', name: 'web', causes } }),
    'Error from server (Invalid): Agent "web" is invalid:\n  spec.replicas: found -1, expected 0 or more\n  spec.template: is missing',
    1,
  ],
  [new Error('a fault'), 'error: a fault', 1],
  ['thrown', 'error: thrown', 1],
])('%s is told in words, with its exit code', (error, text, exitCode) => {
  expect(describeFailure(error)).toEqual({ text, exitCode });
});

import { expect, test } from 'vitest';
import { ApiError } from '../../src/api/errors.ts';

test('a Status steers no terminal by what it quotes, since kubectl prints it as it is', () => {
  const details = {
    name: 'web',
    causes: [{ reason: 'FieldValueInvalid', field: 'spec', message: 'b\u009bc' }],
  };
  const status = new ApiError('Invalid', 'found "\u001b[2J\u202e"', { details }).toStatus();
  expect(status.message).toBe('found "\\u001b[2J\\u202e"');
  expect(status.details).toEqual({
    name: 'web',
    causes: [{ reason: 'FieldValueInvalid', field: 'spec', message: 'b\\u009bc' }],
  });
});

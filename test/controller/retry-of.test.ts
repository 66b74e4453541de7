import { expect, test } from 'vitest';
import { ApiError, type Retry, retryOf } from '../../src/api/errors.ts';
import { DriverError } from '../../src/drivers/driver.ts';
import { JournalError } from '../../src/messages/journal.ts';
import { ProtocolError } from '../../src/protocols/protocol.ts';
import { SourceError } from '../../src/sources/source.ts';
import { StoreError } from '../../src/store/store.ts';

test.each<[Error, string | undefined, Retry]>([
  [new DriverError('Retryable', 'DiskFull', 'no'), 'DiskFull', 'Backoff'],
  [new DriverError('Offline', 'NoAnswer', 'no'), 'NoAnswer', 'Backoff'],
  [new DriverError('NotStartable', 'ImagePull', 'no', { retry: { at: 7 } }), 'ImagePull', { at: 7 }],
  [new DriverError('Terminal', 'InvalidSpec', 'no'), 'InvalidSpec', 'Never'],
  [new ApiError('Conflict', 'no'), 'Conflict', 'Backoff'],
  [new SourceError('Unsettled', 'no'), 'Unsettled', 'Backoff'],
  [new ProtocolError('Closed', 'no'), 'Closed', 'Backoff'],
  [new ProtocolError('LoadFailed', 'no'), 'LoadFailed', { from: 2_000, upTo: 4_000 }],
  [new ProtocolError('Timeout', 'no'), 'Timeout', 'Never'],
  [new StoreError('Full', 'no'), 'Full', 'Backoff'],
  [new StoreError('TooNew', 'no'), 'TooNew', 'Never'],
  [new JournalError('Full', 'no'), 'Full', 'Backoff'],
  [new JournalError('TooNew', 'no'), 'TooNew', 'Never'],
  [new Error('nobody has foreseen it'), undefined, 'Backoff'],
])('%o says whether to try again', (error, code, retry) => {
  expect('code' in error ? error.code : undefined).toBe(code);
  expect(retryOf(error)).toEqual(retry);
});

import { expect, test } from 'vitest';
import { DriverError } from '../../src/drivers/driver.ts';
import { SourceError } from '../../src/sources/source.ts';

test('the remedy of an error ends its message, and is a field of its own', () => {
  const remedy = 'free some space';
  const ofDriver = new DriverError('Retryable', 'DiskFull', 'the disk is full:', { remedy });
  const ofSource = new SourceError('Failed', 'the disk is full:', { remedy });
  for (const error of [ofDriver, ofSource])
    expect(error).toMatchObject({ message: 'the disk is full: free some space', remedy });
});

test('an error without a remedy has its message alone', () => {
  const { message, remedy } = new DriverError('Terminal', 'InvalidSpec', 'it is no user');
  expect({ message, remedy }).toEqual({ message: 'it is no user', remedy: undefined });
});

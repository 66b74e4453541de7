import { describe, expect, test } from 'vitest';
import { AddressError, parseAddress } from '../../src/server/remote.ts';

describe('an address to listen on', () => {
  test.each([
    ['127.0.0.1:6443', { host: '127.0.0.1', port: 6443 }],
    ['[::1]:0', { host: '::1', port: 0 }],
    ['localhost:1', { host: 'localhost', port: 1 }],
  ])('%s', (text, expected) => {
    expect(parseAddress(text)).toEqual(expected);
  });

  test.each(['6443', 'host', 'host:', '::1:80', 'host:99999', 'http://host:1', ''])('not %j', (text) => {
    expect(() => parseAddress(text)).toThrow(AddressError);
  });
});

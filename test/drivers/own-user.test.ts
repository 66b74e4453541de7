import { expect, test } from 'vitest';
import { ownUser, userOf } from '../../src/drivers/own-user.ts';

test('all names of the uid are the user', () => {
  const text = 'root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n';
  expect(userOf(0, text)).toEqual({ uid: 0, names: ['root', 'toor'] });
  expect(userOf(1000, text)).toEqual({ uid: 1000, names: ['ann'] });
  expect(userOf(7, text)).toEqual({ uid: 7, names: [] });
});

test('the own user is that of this process', () => {
  expect(ownUser().uid).toBe(process.getuid?.());
});

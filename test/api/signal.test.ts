import { expect, test } from 'vitest';
import { kindInfo } from '../../src/api/kinds.ts';
import { signalName, signalNumber } from '../../src/api/signal.ts';

test.each([
  ['SIGTERM', 15],
  ['TERM', 15],
  ['15', 15],
  ['SIGWINCH', 28],
  ['SIGRTMIN', 34],
  ['SIGRTMIN+3', 37],
  ['RTMIN+30', 64],
  ['SIGRTMAX', 64],
  ['RTMAX-2', 62],
  ['64', 64],
  ['0', undefined],
  ['65', undefined],
  ['SIGRTMIN+31', undefined],
  ['SIGRTMIN-1', undefined],
  ['SIGRTMAX+1', undefined],
  ['sigterm', undefined],
  ['SIGNONE', undefined],
  ['', undefined],
] as const)('the signal "%s" has the number %s, and the schema takes it where it has one', (text, number) => {
  expect(signalNumber(text)).toBe(number);
  const stop = kindInfo('Policy').schema.properties?.spec?.properties?.stop;
  const pattern = new RegExp(stop?.properties?.signal?.pattern ?? 'no pattern');
  expect(pattern.test(text)).toBe(number !== undefined);
});

test('every name has one number, and back', () => {
  for (let number = 1; number <= 64; number++) expect(signalNumber(signalName(number))).toBe(number);
  expect([15, 34, 37].map(signalName)).toEqual(['SIGTERM', 'SIGRTMIN', 'SIGRTMIN+3']);
});

import { describe, expect, test } from 'vitest';
import { costText, reported } from '../../src/api/requests.ts';

describe('what was used', () => {
  test.each([
    [undefined, 0, '?'],
    [undefined, 2, '?'],
    [0, 0, '0'],
    [1200, 0, '1200'],
    [1200, 1, '1200+?'],
  ])('%s, with %i turns that did not report, reads %s', (known, unreported, text) => {
    expect(reported(known, unreported)).toBe(text);
  });

  test('costs are told by currency, to a millionth, and are unknown where there is none', () => {
    expect(costText({ USD: 0.1 + 0.2, EUR: 1 })).toBe('0.3 USD + 1 EUR');
    expect(costText({})).toBeUndefined();
    expect(costText()).toBeUndefined();
  });
});

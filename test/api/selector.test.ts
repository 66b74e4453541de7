import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ApiError } from '../../src/api/errors.ts';
import { parseFieldSelector, parseLabelSelector } from '../../src/api/selector.ts';

const labels = { app: 'web', tier: 'front', 'example.com/rank': '5', empty: '' };

describe('label selectors', () => {
  test.each<[string, boolean]>([
    ['', true],
    ['app=web', true],
    ['app==web', true],
    [' app = web ', true],
    ['app=db', false],
    ['app!=web', false],
    ['app!=db', true],
    ['none!=x', true],
    ['app', true],
    ['none', false],
    ['!none', true],
    ['!app', false],
    ['app in (web,db)', true],
    ['app in (db)', false],
    ['app in ( web , db )', true],
    ['none in (web)', false],
    ['app notin (db)', true],
    ['app notin (web)', false],
    ['none notin (web)', true],
    ['empty=', true],
    ['empty in (,x)', true],
    ['example.com/rank>4', true],
    ['example.com/rank>5', false],
    ['example.com/rank<6', true],
    ['app>1', false],
    ['app=web,tier=front', true],
    ['app=web,tier in (front,back),!none', true],
    ['app=web,tier=back', false],
  ])('"%s" selects: %s', (selector, selected) => {
    expect(parseLabelSelector(selector)(labels)).toBe(selected);
  });

  test.each([
    '=a',
    'a=b=c',
    'a in b',
    'a in (b',
    'a b',
    ',',
    'a=b,',
    'a/b/c=d',
    'a=-',
    'a>b',
    '!',
    'in (a)',
    '!a=b',
  ])('"%s" is refused', (selector) => {
    expect(() => parseLabelSelector(selector)).toThrow(ApiError);
  });

  test('an object without labels has none', () => {
    expect(parseLabelSelector('!a')(undefined)).toBe(true);
    expect(parseLabelSelector('constructor')({})).toBe(false);
  });

  test('any text selects or is refused as a bad request', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ab=!,() <>/-.innot') }), (text) => {
        try {
          parseLabelSelector(text)(labels);
          parseFieldSelector(text)(labels);
        } catch (error) {
          expect(error).toMatchObject({ code: 'BadRequest' });
        }
      }),
    );
  });
});

describe('field selectors', () => {
  const object = {
    metadata: { name: 'a', namespace: 'n' },
    status: { phase: 'Ready', count: 3, odd: 'x,y=z\\' },
  };
  test.each<[string, boolean]>([
    ['', true],
    ['metadata.name=a', true],
    ['metadata.name==a', true],
    ['metadata.name!=a', false],
    ['metadata.name=a,status.phase!=Ready', false],
    ['metadata.name=a,status.phase=Ready', true],
    ['status.count=3', true],
    ['status.missing=', true],
    ['status.missing!=x', true],
    ['status.odd=x\\,y\\=z\\\\', true],
  ])('"%s" selects: %s', (selector, selected) => {
    expect(parseFieldSelector(selector)(object)).toBe(selected);
  });

  test.each(['a', 'a>b', '=b', 'a=\\x', 'a=b\\'])('"%s" is refused', (selector) => {
    expect(() => parseFieldSelector(selector)).toThrow(ApiError);
  });
});

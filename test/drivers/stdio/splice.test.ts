import { describe, expect, test } from 'vitest';
import { meet } from '../../../src/drivers/stdio/output.ts';

const moving = (sure: number) => ({ sure, atRest: false });
const resting = (sure: number) => ({ sure, atRest: true });

describe('live output meets the log', () => {
  test('at the line that it begins with, or with the end of', () => {
    expect(meet(['a', 'b', 'c'], ['b', 'c', 'd'], moving(2))).toEqual({ found: 'One', inLog: 2 });
    expect(meet(['xa', 'xb', 'xc'], ['b', 'xc'], moving(2))).toEqual({ found: 'One', inLog: 2 });
    expect(meet(['a', 'b', 'c'], ['a'], moving(1))).toEqual({ found: 'One', inLog: 3 });
  });

  test('not before the log has what must be in it', () => {
    expect(meet(['a', 'b'], ['b', 'c'], moving(2))).toEqual({ found: 'None' });
    expect(meet(['a', 'b'], ['c'], moving(1))).toEqual({ found: 'None' });
    expect(meet(['a', 'b'], ['b'], moving(0))).toEqual({ found: 'None' });
    expect(meet([], ['b'], moving(1))).toEqual({ found: 'None' });
    expect(meet(['a'], [], moving(0))).toEqual({ found: 'None' });
  });

  test('not where a later line differs', () => {
    expect(meet(['a', 'b', 'a', 'c'], ['a', 'c'], moving(1))).toEqual({ found: 'One', inLog: 2 });
  });

  test('in several places where lines are alike, of which the last may repeat and loses none', () => {
    const log = Array.from({ length: 10 }, () => 'ok');
    expect(meet(log, ['ok', 'ok', 'ok'], moving(2))).toEqual({ found: 'Several', inLog: 2 });
  });

  test('at rest in the place where both end', () => {
    const log = Array.from({ length: 10 }, () => 'ok');
    expect(meet(log, ['ok', 'ok', 'ok'], resting(3))).toEqual({ found: 'One', inLog: 3 });
  });

  test('in a moment, though all of many lines are alike', () => {
    const log = Array.from({ length: 200_000 }, () => 'ok');
    expect(meet(log, log.slice(0, 1000), moving(1000))).toEqual({ found: 'Several', inLog: 64 });
  });
});

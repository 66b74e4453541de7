import { describe, expect, test } from 'vitest';
import { Ids, renewed, shows } from './output.ts';

const table = (...rows: string[]): string[] => ['NAME   READY   AGE', ...rows];

describe('the output that a page shows', () => {
  test.each([
    ['another age and wider columns', table('web   1/1   2s'), table('web      1/1     41m')],
    ['another id', ['m-2fd2c87351f7 sent'], ['m-ffffffffffff sent']],
    ['another time', ['Ready since 2026-11-30 17:25:55 UTC.'], ['Ready since 2027-01-02 00:00:00 UTC.']],
    ['lines in place of ...', ['first', '...', 'last'], ['first', 'one', 'two', 'last']],
    ['none in place of ...', ['first', '...'], ['first']],
  ])('is that which is printed, with %s', (_, shown, printed) => {
    expect(shows(shown, printed, new Ids())).toBe(true);
  });

  test.each([
    ['another column', table('web   1/1   2s'), ['NAME   READY   NEXT   AGE', 'web   1/1   2s']],
    ['another word', ['web is Ready'], ['web is Unready']],
    ['one line more', ['first'], ['first', 'second']],
    ['one line less', ['first', 'second'], ['first']],
    ['no such line after ...', ['...', 'last'], ['first']],
  ])('is not that which is printed, with %s', (_, shown, printed) => {
    expect(shows(shown, printed, new Ids())).toBe(false);
  });
});

test('a command gets the ids of this run', () => {
  const ids = new Ids();
  shows(['sent m-2fd2c87351f7', 'Pid: 23697'], ['sent m-ffffffffffff', 'Pid: 42'], ids);
  expect(ids.inCommand('agentctl messages describe m-2fd2c87351f7')).toBe(
    'agentctl messages describe m-ffffffffffff',
  );
  expect(ids.inCommand('kill -9 23697')).toBe('kill -9 42');
});

test('a command with an id that no output has shown is not run', () => {
  expect(() => new Ids().inCommand('kill -9 23697')).toThrow('no output before this command shows 23697');
});

test('a new output keeps what the page leaves out', () => {
  const shown = ['Name: web', '...', 'Normal Ready web-0 Run 1 is Ready.'];
  const printed = [
    'Name: web',
    'Phase: Ready',
    'Normal Started web-0 Started run 1.',
    'Normal Ready web-0 Run 1 is now Ready.',
  ];
  expect(renewed(shown, printed)).toEqual(['Name: web', '...', 'Normal Ready web-0 Run 1 is now Ready.']);
  expect(renewed(['...', 'gone'], printed)).toEqual(printed);
});

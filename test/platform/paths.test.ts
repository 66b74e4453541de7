import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { paths } from '../../src/platform/paths.ts';

test.each([
  ['XDG_STATE_HOME', { XDG_STATE_HOME: '/x', HOME: '/home/a' }, undefined, '/x/agentctl'],
  ['AGENTCTL_STATE_DIR', { XDG_STATE_HOME: '/x', AGENTCTL_STATE_DIR: '/y' }, undefined, '/y'],
  ['--state-dir above all', { AGENTCTL_STATE_DIR: '/y' }, '/z', '/z'],
])('the state folder follows %s', (_, environment, given, state) => {
  expect(paths(environment, given)).toMatchObject({
    state,
    database: `${state}/agentctl.db`,
    key: `${state}/key`,
  });
});

test('the socket stands in the runtime folder, or in a state folder of its own', () => {
  expect(paths({ XDG_RUNTIME_DIR: '/run/user/1' }).socket).toBe('/run/user/1/agentctl/agentctl.sock');
  expect(paths({ XDG_RUNTIME_DIR: '/run/user/1' }, '/y').socket).toBe('/y/agentctl.sock');
  expect(paths({ AGENTCTL_SOCKET: '/s' }).socket).toBe('/s');
});

test('a path over 107 bytes, which cannot be a socket, gives way to a short one that is this folder’s alone', () => {
  const deep = (name: string): string => paths({}, `/${'d'.repeat(120)}/${name}`).socket;
  expect(Buffer.byteLength(deep('a'))).toBeLessThanOrEqual(107);
  expect(deep('a')).not.toBe(deep('b'));
  expect(deep('a')).toBe(deep('a'));
});

test('a short path is in a folder of the user’s own, and not where everybody may make one', () => {
  const state = `/${'d'.repeat(120)}`;
  const own = `agentctl-${process.getuid?.()}`;
  expect(dirname(paths({}, state).socket)).toBe(join(tmpdir(), own));
  expect(dirname(paths({ XDG_RUNTIME_DIR: '/run/user/1' }, state).socket)).toBe('/run/user/1/agentctl');
});

import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { pathsFor } from '../../src/cli/flags.ts';

test.each([
  [{ stateDir: 'here' }, {}, 'here', 'here/agentctl.sock'],
  [{}, { AGENTCTL_STATE_DIR: './there' }, 'there', 'there/agentctl.sock'],
  [{ stateDir: '/a', socket: 's.sock' }, { AGENTCTL_STATE_DIR: '/b' }, '/a', 's.sock'],
  [{}, { AGENTCTL_STATE_DIR: '/b', AGENTCTL_SOCKET: '/run/x.sock' }, '/b', '/run/x.sock'],
])(
  'flags go before the environment, and all paths are absolute: %j %j',
  (flags, environment, state, socket) => {
    expect(pathsFor({ start: true, ...flags }, environment)).toMatchObject({
      state: resolve(state),
      socket: resolve(socket),
    });
  },
);

test('by the XDG base directory specification where nothing else is said', () => {
  const found = pathsFor({ start: true }, { XDG_STATE_HOME: '/s', XDG_RUNTIME_DIR: '/r' });
  expect(found).toMatchObject({ state: '/s/agentctl', socket: '/r/agentctl/agentctl.sock' });
});

import { expect, test } from 'vitest';
import { runtime, told } from './objects.ts';

const allow = (driver: string, allowed: object): string[] =>
  told('Runtime', runtime({ driver, allow: allowed }));

const container = {
  privileged: true,
  hostNetwork: true,
  hostIPs: ['0.0.0.0'],
  capabilities: ['NET_ADMIN', 'cap_sys_time', '*'],
  networks: ['lan'],
  volumes: ['shared', '*'],
};
const process = { users: ['nobody', 'nobody:nogroup', '65534'], controllerUser: false };
const defaults = {
  privileged: false,
  hostNetwork: false,
  capabilities: [],
  networks: [],
  volumes: [],
  users: [],
};

test('a Runtime allows what its driver can give, and defaults are no matter', () => {
  expect(allow('docker', container)).toEqual([]);
  expect(allow('process', process)).toEqual([]);
  for (const driver of ['docker', 'process']) expect(allow(driver, defaults)).toEqual([]);
});

test.each(Object.entries(container))('%s is not for processes', (name, value) => {
  expect(allow('process', { [name]: value })).toEqual([
    `spec.allow.${name}: must not be set: only the driver docker uses it`,
  ]);
});

test.each(Object.entries(process))('%s is not for containers', (name, value) => {
  expect(allow('docker', { [name]: value })).toEqual([
    `spec.allow.${name}: must not be set: only the driver process uses it`,
  ]);
});

test.each([
  ['networks', 'host'],
  ['networks', 'container:x'],
  ['networks', '*'],
  ['volumes', '/etc'],
  ['volumes', 'a/b'],
  ['capabilities', 'NET-ADMIN'],
  ['users', ''],
])('%s may not hold %j', (name, value) => {
  expect(allow(name === 'users' ? 'process' : 'docker', { [name]: [value] })).toEqual([
    expect.stringContaining(`spec.allow.${name}[0]: `),
  ]);
});

import { expect, test } from 'vitest';
import type { AgentSpec } from '../../../src/api/objects.ts';
import { unsupportedFields } from '../../../src/drivers/process/process-checks.ts';

type Template = AgentSpec['template'];

const specOf = (template: Partial<Template>): AgentSpec => ({
  replicas: 1,
  suspend: false,
  protocol: 'none',
  fleetAccess: 'Peers',
  conversations: { perInstance: 1, idleTTL: '24h', onContextFull: 'Keep' },
  minReady: '1s',
  startDeadline: '60s',
  revisionHistoryLimit: 10,
  template: {
    readOnlyRootFilesystem: false,
    stdin: false,
    logs: { maxSize: '10Mi', maxFiles: 3 },
    command: ['sleep', '1'],
    ...template,
  },
});

const file = { path: 'a', content: 'x', mode: '0644' };

const refused: [string, Partial<Template>][] = [
  ['image', { image: 'busybox' }],
  ['command', { command: [] }],
  ['volumes', { volumes: [{ name: 'v', tmpfs: {} }] }],
  ['volumeMounts', { volumeMounts: [{ name: 'v', mountPath: '/v', readOnly: false }] }],
  ['resources.limits.cpu', { resources: { limits: { cpu: '1' } } }],
  ['resources.limits.memory', { resources: { limits: { memory: '1Mi' } } }],
  ['resources.limits.pids', { resources: { limits: { pids: 5 } } }],
  ['readOnlyRootFilesystem', { readOnlyRootFilesystem: true }],
  ['security', { security: { allowPrivilegeEscalation: false, privileged: false } }],
  ['network', { network: { mode: 'Bridge' } }],
  ['network', { network: { mode: 'Host', name: 'net' } }],
  [
    'network.ports',
    { network: { mode: 'Host', ports: [{ containerPort: 1, hostIP: '127.0.0.1', protocol: 'TCP' }] } },
  ],
  ['user', { user: 'daemon' }],
  ['workingDir', { workingDir: 'relative' }],
  ['files[0].path', { files: [{ ...file, path: '/etc/passwd' }] }],
  ['files[1].path', { files: [file, { ...file, path: 'a/../../b' }] }],
  ['env[0].name', { env: [{ name: 'a.b', value: '' }] }],
  ['env[0].name', { env: [{ name: 'IFS', value: '' }] }],
];

test.each(refused)('template.%s is refused with a reason: %o', (field, template) => {
  const reasons = unsupportedFields(specOf(template), { canSwitchUser: false });
  expect(reasons).toHaveLength(1);
  expect(reasons[0]?.startsWith(`spec.template.${field}: `)).toBe(true);
});

const honoured: [string, Partial<Template>][] = [
  ['a command with arguments', { args: ['1'] }],
  ['the network of the host', { network: { mode: 'Host' } }],
  ['an absolute working folder', { workingDir: '/tmp' }],
  ['relative files and plain variables', { files: [file], env: [{ name: 'A', value: '1' }] }],
  ['empty limits', { resources: { limits: {} } }],
  ['another user, for a controller that runs as root', { user: 'daemon' }],
];

test.each(honoured)('%s is honoured', (_name, template) => {
  expect(unsupportedFields(specOf(template), { canSwitchUser: true })).toEqual([]);
});

import { expect, test } from 'vitest';
import type { AgentSpec } from '../../../src/api/objects.ts';
import { unsupportedByDocker } from '../../../src/drivers/docker/container-body.ts';

// The check reads nothing of a spec but its template.
const check = (template: object, allowHostPaths: string[] = []): string[] =>
  unsupportedByDocker({ template: { image: 'app:1', ...template } } as AgentSpec, { allowHostPaths });

const hostPath = (path: string) => ({ volumes: [{ name: 'v', hostPath: { path } }] });

test.each([
  ['an image and nothing else', {}, []],
  ['no image', { image: undefined }, ['spec.template.image']],
  ['a relative file', { files: [{ path: 'a/b' }] }, ['spec.template.files[0].path']],
  ['a folder as a file', { files: [{ path: '/a/' }] }, ['spec.template.files[0].path']],
  ['a relative working directory', { workingDir: 'here' }, ['spec.template.workingDir']],
  ['an allowed path', hostPath('/srv/data/x'), []],
  ['the allowed folder itself', hostPath('/srv/data/'), []],
  ['a path beside the allowed one', hostPath('/srv/database'), ['spec.template.volumes[0].hostPath.path']],
  ['a way out by dots', hostPath('/srv/data/../x'), ['spec.template.volumes[0].hostPath.path']],
  ['ports without a bridge', { network: { mode: 'Host', ports: [{}] } }, ['spec.template.network.ports']],
  ['a network without a bridge', { network: { mode: 'None', name: 'n' } }, ['spec.template.network.name']],
])('%s', (_, template, fields) => {
  expect(check(template, ['/srv/data']).map((reason) => reason.split(': ')[0])).toEqual(fields);
});

test('no path of the host is allowed by default', () => {
  expect(check(hostPath('/srv'))).toEqual([
    "spec.template.volumes[0].hostPath.path: /srv is not under the Runtime's allowHostPaths (none); add it, or a folder above it, there",
  ]);
});

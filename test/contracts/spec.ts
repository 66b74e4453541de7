import type { RunSpec } from '../../src/drivers/driver.ts';

/** A run of the default agent that asks for nothing beyond; the program is to be added. */
export const runSpec = (store: string, instance: string): RunSpec => ({
  identity: {
    store,
    namespace: 'default',
    agent: instance.replace(/-\d+$/, ''),
    instance,
    uid: `uid-${instance}`,
    ordinal: Number(/\d+$/.exec(instance)?.[0] ?? 0),
    run: 1,
    revision: 'r1',
    controllerVersion: '1.2.3',
  },
  pullPolicy: 'Never',
  env: {},
  files: [],
  mounts: [],
  limits: {},
  readOnlyRootFilesystem: false,
  security: { capabilities: [], allowPrivilegeEscalation: false, privileged: false },
  network: { mode: 'Bridge', ports: [] },
  talks: false,
  stdin: false,
  logs: { maxSize: 10 * 1024 * 1024, maxFiles: 3 },
  stop: { gracePeriodMs: 2_000 },
});

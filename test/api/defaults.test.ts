import { expect, test } from 'vitest';
import { kindInfo } from '../../src/api/kinds.ts';
import { withDefaults } from '../../src/api/shape.ts';
import { validateObject } from '../../src/api/validation.ts';

const { schema } = kindInfo('Agent');

test('an empty Policy gets all its defaults', () => {
  const policy = { apiVersion: 'agentctl.dev/v1', kind: 'Policy', metadata: { name: 'p' } };
  const filled = withDefaults(kindInfo('Policy').schema, policy);
  expect(filled).toMatchInlineSnapshot(`
    {
      "apiVersion": "agentctl.dev/v1",
      "kind": "Policy",
      "metadata": {
        "name": "p",
      },
      "spec": {
        "backoff": {
          "jitter": 0.1,
          "resetAfter": "5m",
          "schedule": [
            "1s",
            "2s",
            "4s",
            "8s",
            "16s",
            "32s",
            "60s",
          ],
        },
        "imageInterval": "1h",
        "messages": {
          "inactivityTimeout": "15m",
          "maxAttempts": 3,
          "queueDepth": 1000,
          "timeout": "2h",
        },
        "mode": "AlwaysOn",
        "notify": [],
        "onDemand": {
          "keepalive": "15m",
        },
        "priority": 0,
        "restart": {
          "on": "Always",
          "window": "10m",
        },
        "restartOn": [],
        "stop": {
          "gracePeriod": "10s",
          "signalScope": "Main",
        },
        "update": {
          "autoRevert": false,
          "idleFor": "60s",
          "maxUnavailable": 1,
          "progressDeadline": "10m",
          "strategy": "Rolling",
        },
      },
    }
  `);
  expect(validateObject(kindInfo('Policy'), filled)).toEqual([]);
});

test('nothing is filled into what is not there, but into what is', () => {
  const before = { spec: { template: { volumes: [{ name: 'a', named: {} }] }, policy: {} } };
  const { spec } = withDefaults(schema, before) as { spec: Record<string, unknown> };
  expect(spec.readiness).toBeUndefined();
  expect(spec.template).toEqual({
    volumes: [{ name: 'a', named: { perInstance: false } }],
    readOnlyRootFilesystem: false,
    stdin: false,
    logs: { maxSize: '10Mi', maxFiles: 3 },
  });
  expect(spec.policy).toMatchObject({ mode: 'AlwaysOn', stop: { gracePeriod: '10s' } });
});

test('an Agent without a policy gets none', () => {
  expect(withDefaults(schema, { spec: { template: {} } })).not.toHaveProperty('spec.policy');
});

test('what is there stays, the object that was given too', () => {
  const before = { spec: { replicas: 0, suspend: true, template: {} } };
  const copy = structuredClone(before);
  expect(withDefaults(schema, before)).toMatchObject({
    spec: { replicas: 0, suspend: true, minReady: '1s' },
  });
  expect(before).toEqual(copy);
});

test('a second time changes nothing', () => {
  const once = withDefaults(schema, { spec: { template: { network: {} } } });
  expect(withDefaults(schema, once)).toBe(once);
});

test('two objects never share a default', () => {
  const fill = (): { spec: { restartOn: string[] } } =>
    withDefaults(kindInfo('Policy').schema, {}) as { spec: { restartOn: string[] } };
  fill().spec.restartOn.push('ImageUpdate');
  expect(fill().spec.restartOn).toEqual([]);
});

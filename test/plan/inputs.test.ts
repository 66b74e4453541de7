import { describe, expect, test } from 'vitest';
import type { AgentSpec } from '../../src/api/objects.ts';
import { missingInputs } from '../../src/plan/accept.ts';
import { agentOf, worldOf } from './worlds.ts';

type Template = Partial<AgentSpec['template']>;
type Inputs = Record<string, string | null>;

const secretKey = (name: string, key: string, optional = false) => ({
  name: `${name}_${key}`.toUpperCase(),
  valueFrom: { secretKeyRef: { name, key, optional } },
});
const configKey = (name: string, key: string, optional = false) => ({
  name: `${name}_${key}`.toUpperCase(),
  valueFrom: { configMapKeyRef: { name, key, optional } },
});
const wholeSecret: Template = { envFrom: [{ secretRef: { name: 'all', optional: false } }] };
const wholeConfig: Template = { envFrom: [{ configMapRef: { name: 'all', optional: false } }] };

function missing(template: Template, inputs: Inputs, namespace = 'default') {
  const agent = agentOf({ template: { image: 'web:1', ...template } }, { namespace });
  return missingInputs(worldOf({ agent, inputs }));
}

describe('what a spec needs and does not find', () => {
  test.each<[string, Template, Inputs, string, string]>([
    [
      'a Secret of which it names a key',
      { env: [secretKey('key', 'token')] },
      { 'Secret/key': null },
      'SecretMissing',
      'The Secret key does not exist. Create it: agentctl create secret generic key --from-literal=token=...',
    ],
    [
      'a Secret that it takes whole',
      wholeSecret,
      { 'Secret/all': null },
      'SecretMissing',
      'The Secret all does not exist. Create it: agentctl create secret generic all --from-literal=KEY=...',
    ],
    [
      'a key of a Secret',
      { env: [secretKey('key', 'token')] },
      { 'Secret/key': 'hmac', 'Secret/key#token': null },
      'SecretMissing',
      `The Secret key has no key token. Add it: agentctl patch secret key -p '{"stringData":{"token":"..."}}'`,
    ],
    [
      'a ConfigMap of which it names a key',
      { env: [configKey('settings', 'mode')] },
      { 'ConfigMap/settings': null },
      'ConfigMapMissing',
      'The ConfigMap settings does not exist. Create it.',
    ],
    [
      'a ConfigMap that it takes whole',
      wholeConfig,
      { 'ConfigMap/all': null },
      'ConfigMapMissing',
      'The ConfigMap all does not exist. Create it.',
    ],
    [
      'a key of a ConfigMap',
      { env: [configKey('settings', 'mode')] },
      { 'ConfigMap/settings': 'hmac', 'ConfigMap/settings#mode': null },
      'ConfigMapMissing',
      'The ConfigMap settings has no key mode. Add it: agentctl edit configmap settings.',
    ],
  ])('is %s', (_what, template, inputs, reason, message) => {
    expect(missing(template, inputs)).toEqual({ reason, message });
  });

  test.each<[string, Template, Inputs]>([
    ['there are no references', {}, {}],
    ['all of it is there', { env: [secretKey('key', 'token')] }, { 'Secret/key': 'hmac' }],
    [
      'it takes all keys, whichever there are',
      wholeSecret,
      { 'Secret/all': 'hmac', 'Secret/all#undefined': null },
    ],
    ['the reference is optional', { env: [secretKey('key', 'token', true)] }, { 'Secret/key': null }],
    [
      'the key is optional',
      { env: [configKey('settings', 'mode', true)] },
      { 'ConfigMap/settings': 'hmac', 'ConfigMap/settings#mode': null },
    ],
  ])('is nothing where %s', (_what, template, inputs) => {
    expect(missing(template, inputs)).toBeUndefined();
  });

  test('is said of each once, and the first gives the reason', () => {
    const env = [configKey('settings', 'mode'), secretKey('key', 'a'), secretKey('key', 'b')];
    const inputs = { 'ConfigMap/settings': 'hmac', 'ConfigMap/settings#mode': null, 'Secret/key': null };
    expect(missing({ env }, inputs)).toEqual({
      reason: 'ConfigMapMissing',
      message:
        'The ConfigMap settings has no key mode. Add it: agentctl edit configmap settings. ' +
        'The Secret key does not exist. Create it: agentctl create secret generic key --from-literal=a=...',
    });
    expect(missing({ env: env.toReversed() }, inputs)?.reason).toBe('SecretMissing');
  });

  test.each<[Inputs, string]>([
    [{ 'Secret/key': null }, 'agentctl create secret generic key -n shop --from-literal=token=...'],
    [{ 'Secret/key#token': null }, 'agentctl patch secret key -n shop -p'],
    [{ 'ConfigMap/settings#mode': null }, 'agentctl edit configmap settings -n shop.'],
  ])('names the namespace in the command, but for the default one: %o', (inputs, command) => {
    const template = { env: [secretKey('key', 'token'), configKey('settings', 'mode')] };
    expect(missing(template, inputs, 'shop')?.message).toContain(command);
    expect(missing(template, inputs)?.message).not.toContain(' -n ');
  });

  test('names no namespace where the Agent has none, as in a manifest', () => {
    const agent = agentOf({ template: { image: 'web:1', ...wholeSecret } });
    const { namespace: _, ...metadata } = agent.metadata;
    const world = worldOf({ agent: { ...agent, metadata }, inputs: { 'Secret/all': null } });
    expect(missingInputs(world)?.message).not.toContain(' -n ');
  });
});

import { describe, expect, test } from 'vitest';
import { generateCrds } from '../../scripts/generate/crds.ts';
import { lintKind } from '../../scripts/generate/lint.ts';
import { type KindInfo, readSchemas, type Schema } from '../../scripts/generate/schemas.ts';

const { kinds } = readSchemas();
const agent = kinds.find(({ info }) => info.kind === 'Agent')?.info as KindInfo; // there is one
const withSpec = (property: Schema, spec: Schema = { 'x-agentctl-update': 'live' }): Schema => ({
  type: 'object',
  description: 'x',
  properties: { spec: { type: 'object', description: 'x', ...spec, properties: { a: property } } },
});
const text = { type: 'string', description: 'x' };

describe('the lint of schemas', () => {
  test.each(kinds.map(({ info, schema }): [string, KindInfo, Schema] => [info.kind, info, schema]))(
    'finds nothing in %s',
    (_, info, schema) => {
      expect(lintKind(info, schema)).toEqual([]);
    },
  );

  test.each<[string, Schema, Schema | undefined, string]>([
    ['a $ref', { ...text, $ref: '#/x' }, undefined, 'Agent.spec.a: the keyword $ref is not allowed'],
    [
      'a type under oneOf',
      { type: 'object', description: 'x', oneOf: [{ type: 'string' }] },
      undefined,
      'Agent.spec.a: oneOf[0] may hold "required" and nothing else',
    ],
    ['anyOf', { ...text, anyOf: [] }, undefined, 'Agent.spec.a: the keyword anyOf is not allowed'],
    [
      'a list without a type',
      { type: 'array', description: 'x', items: text },
      undefined,
      'Agent.spec.a: x-kubernetes-list-type is undefined, not atomic, set or map',
    ],
    [
      'a set of objects',
      { type: 'array', description: 'x', 'x-kubernetes-list-type': 'set', items: { type: 'object' } },
      undefined,
      'Agent.spec.a: a set holds single values only',
    ],
    [
      'a map key that may be absent',
      {
        type: 'array',
        description: 'x',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['k'],
        items: { type: 'object', properties: { k: text } },
      },
      undefined,
      'Agent.spec.a: the map key k is neither required nor has it a default',
    ],
    ['no update class', text, {}, 'Agent.spec.a: has no x-agentctl-update, of its own or from above'],
    [
      'an unknown update class',
      { ...text, 'x-agentctl-update': 'never' },
      undefined,
      'Agent.spec.a: x-agentctl-update is "never"',
    ],
    ['no description', { type: 'string' }, undefined, 'Agent.spec.a: has no description'],
    [
      'a pattern without words',
      { ...text, pattern: 'a' },
      undefined,
      'Agent.spec.a: a pattern needs x-agentctl-expected, to say it in words',
    ],
    [
      'a required property that is none',
      { type: 'object', description: 'x', required: ['b'] },
      undefined,
      'Agent.spec.a: requires b, which is no property',
    ],
    [
      'a description that lost its end to YAML',
      { ...text, 'or the host': null },
      undefined,
      'Agent.spec.a: the keyword or the host is not allowed',
    ],
  ])('finds %s', (_, property, spec, breach) => {
    expect(lintKind(agent, withSpec(property, spec))).toEqual([breach]);
  });
});

describe('CRDs', () => {
  const crds = new Map(generateCrds(kinds));

  test('are made of the kinds of our own group', () => {
    expect([...crds.keys()].sort()).toEqual(
      ['agents', 'instances', 'policies', 'revisions', 'runtimes', 'syncs'].map(
        (name) => `schemas/crds/${name}.yaml`,
      ),
    );
  });

  test('hold nothing that a cluster would not know', () => {
    for (const crd of crds.values()) {
      expect(crd).not.toContain('x-agentctl');
      expect(crd).not.toContain('$ref');
    }
  });

  test('take a number where agentctl takes one, and none for a length of time', () => {
    const agents = crds.get('schemas/crds/agents.yaml') ?? '';
    const cpu =
      /cpu:\n +anyOf:\n +- type: integer\n +- type: string\n(?: {2,}(?!type:).*\n)*? +x-kubernetes-int-or-string: true/;
    expect(agents).toMatch(cpu);
    expect(agents).toMatch(/minReady:\n +type: string/);
  });

  test('are read alike by YAML 1.1: the field on is no bool', () => {
    expect(crds.get('schemas/crds/policies.yaml')).toContain('"on":');
  });
});

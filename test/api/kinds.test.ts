import { describe, expect, test } from 'vitest';
import {
  applyOrder,
  findKind,
  isVirtual,
  kindByPlural,
  kindInfo,
  kindOf,
  kinds,
} from '../../src/api/kinds.ts';

describe('kinds', () => {
  test('every kind has its place in the order of applying', () => {
    expect(kinds.map((info) => info.kind)).toEqual(applyOrder);
  });

  test.each([
    ['agents', 'Agent'],
    ['agent', 'Agent'],
    ['ag', 'Agent'],
    ['Agent', 'Agent'],
    ['AGENTS', 'Agent'],
    ['agents.agentctl.dev', 'Agent'],
    ['agents.v1.agentctl.dev', 'Agent'],
    ['policies', 'Policy'],
    ['policy', 'Policy'],
    ['cm', 'ConfigMap'],
    ['ns', 'Namespace'],
    ['secret', 'Secret'],
  ])('the word %s means %s', (word, kind) => {
    expect(findKind(word)?.kind).toBe(kind);
  });

  test.each(['', 'agentz', 'agents.apps', 'agents.v2.agentctl.dev', '.agentctl.dev', 'constructor'])(
    'the word "%s" means no kind',
    (word) => {
      expect(findKind(word)).toBeUndefined();
    },
  );

  test('a kind is found by what a URL says and by what a document says', () => {
    expect(kindByPlural('', 'v1', 'secrets')?.kind).toBe('Secret');
    expect(kindByPlural('agentctl.dev', 'v1', 'agents')?.kind).toBe('Agent');
    expect(kindByPlural('agentctl.dev', 'v2', 'agents')).toBeUndefined();
    expect(kindOf('v1', 'Secret')?.plural).toBe('secrets');
    expect(kindOf('v1', 'Agent')).toBeUndefined();
  });

  test('Agents have status and scale, Secrets have neither', () => {
    expect(kindInfo('Agent').subresources).toEqual({
      status: true,
      scale: {
        specReplicasPath: '.spec.replicas',
        statusReplicasPath: '.status.replicas',
        labelSelectorPath: '.status.selector',
      },
    });
    expect(kindInfo('Secret').subresources).toEqual({ status: false });
  });

  test('Messages, Conversations and Approvals are read only, and not stored', () => {
    const virtual = kinds.filter(({ stored }) => !stored);
    expect(virtual.map(({ kind }) => kind)).toEqual(['Conversation', 'Message', 'Approval']);
    for (const { kind, verbs } of virtual) {
      expect(verbs).toEqual(['get', 'list', 'watch']);
      expect(isVirtual(kind)).toBe(true);
    }
    expect(kindInfo('Agent').verbs).toContain('deletecollection');
    expect(isVirtual('Agent')).toBe(false);
  });

  test('no two kinds share a word', () => {
    const words = kinds.flatMap((info) => [info.plural, info.singular, ...info.shortNames]);
    expect(new Set(words).size).toBe(words.length);
  });

  test('what is published holds no $ref', () => {
    for (const info of kinds) expect(JSON.stringify(info.schema)).not.toContain('$ref');
  });
});

import { describe, expect, test } from 'vitest';
import { Parsed } from '../../../src/controller/syncs/parsed.ts';
import { policyYaml } from './estate.ts';

const file = (name: string, text: string) => ({ name, bytes: Buffer.from(text) });

describe('of the files of the next revision', () => {
  test('only those that differ are parsed again', async () => {
    const parsed = new Parsed();
    const before = await parsed.read([file('a.yaml', policyYaml('a')), file('b.yaml', policyYaml('b'))]);
    const after = await parsed.read([file('a.yaml', policyYaml('a')), file('b.yaml', policyYaml('b', 1))]);
    expect(after.documents[0]).toBe(before.documents[0]);
    expect(after.documents[1]?.object).toMatchObject({ spec: { priority: 1 } });
  });

  test('one that is renamed is told by its new name', async () => {
    const parsed = new Parsed();
    await parsed.read([file('a.yaml', policyYaml('a'))]);
    const { documents } = await parsed.read([file('b.yaml', policyYaml('a'))]);
    expect(documents.map(({ source }) => source)).toEqual(['b.yaml']);
  });

  test('one that is gone, and one that is still wrong, are told as they are', async () => {
    const parsed = new Parsed();
    const wrong = file('b.yaml', 'kind: [');
    const first = await parsed.read([file('a.yaml', policyYaml('a')), wrong]);
    const second = await parsed.read([wrong]);
    expect(first.documents).toHaveLength(1);
    expect(second.documents).toEqual([]);
    expect(second.errors).toEqual(first.errors);
    expect(second.errors).not.toEqual([]);
  });

  test('nothing is kept of so much that it would fill the memory', async () => {
    const parsed = new Parsed();
    const comment = `# ${'x'.repeat(1_000_000)}\n`;
    const large = ['a', 'b', 'c', 'd', 'e'].map((name) => file(`${name}.yaml`, policyYaml(name) + comment));
    const before = await parsed.read(large);
    const after = await parsed.read(large);
    expect(after.documents).toHaveLength(5);
    expect(after.documents[0]).not.toBe(before.documents[0]);
  });
});

import { afterEach, beforeEach, expect, test } from 'vitest';
import { Estate } from './estate.ts';

let estate: Estate;
beforeEach(async () => {
  estate = await Estate.open();
});
afterEach(() => estate[Symbol.asyncDispose]());

const url = 'https://git.example/wide.git';

test('a pushed Sync does not turn a wider one of the same name to another source by leaving its bounds out', async () => {
  // By hand, so that no field of it is applied by anybody.
  await estate.house.user.create('Sync', {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Sync',
    metadata: { namespace: 'default', name: 'wide' },
    spec: { suspend: true, allowedKinds: ['Runtime'], source: { git: { url } } },
  });
  await estate.follow({ allowedKinds: ['Agent', 'ConfigMap', 'Policy', 'Secret', 'Sync'] });
  const pushed = (spec: string): string =>
    `apiVersion: agentctl.dev/v1\nkind: Sync\nmetadata: { name: wide }\nspec: ${spec}\n`;
  const refused = /^False NotAllowed: .*wide\.yaml.*Runtime: more than the Sync that it comes from allows/;
  for (const spec of [
    '{ source: { git: { url: "https://evil.example/x.git" } } }',
    `{ source: { git: { url: "${url}", branch: evil } } }`,
  ]) {
    estate.push({ 'wide.yaml': pushed(spec) });
    await estate.look();
    expect(await estate.condition('Ready')).toMatch(refused);
    expect((await estate.sync('wide')).spec.source.git).toMatchObject({ url });
    expect((await estate.sync('wide')).spec.source.git?.branch).toBeUndefined();
  }
});

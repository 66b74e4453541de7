import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { foldersOf } from '../../src/sources/kustomization.ts';
import { type RenderOptions, render } from '../../src/sources/kustomize.ts';
import { limits } from '../../src/sources/source.ts';
import { growthOf } from '../growth.ts';
import { lacks } from '../needs.ts';

let base: string;
let root: string;
let programs: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'agentctl-kustomize-test-'));
  root = join(base, 'tree');
  programs = join(base, 'bin');
  mkdirSync(root);
  mkdirSync(programs);
});
afterEach(() => rmSync(base, { recursive: true }));

function put(files: Record<string, string>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
}

const script = (name: string, text: string): void =>
  writeFileSync(join(programs, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });

const run = async (options: Partial<RenderOptions> = {}): Promise<string> =>
  Buffer.from(
    await render({
      root,
      path: '.',
      sealed: true,
      searchPath: programs,
      signal: new AbortController().signal,
      ...options,
    }),
  ).toString();

const agent = (name: string): string =>
  `apiVersion: agentctl.dev/v1\nkind: Agent\nmetadata: { name: ${name} }\nspec: { template: { command: [sleep, "60"] } }\n`;

describe('the program', () => {
  beforeEach(() => put({ 'kustomization.yaml': 'resources: []\n' }));

  test('is kustomize where it is there, else kubectl', async () => {
    script('kubectl', 'echo "kubectl $@"');
    expect(await run()).toBe(`kubectl kustomize ${root}\n`);
    script('kustomize', 'echo "kustomize $@"');
    expect(await run()).toBe(`kustomize build ${root}\n`);
  });

  test('is looked for in the given folders only, in their order, and must be an executable file', async () => {
    script('kubectl', 'echo second');
    const first = join(base, 'first');
    mkdirSync(join(first, 'kustomize'), { recursive: true });
    writeFileSync(join(first, 'kubectl'), 'no program', { mode: 0o644 });
    expect(await run({ searchPath: `${first}:${programs}` })).toBe('second\n');
  });

  test('is told to be missing, and what to install', async () => {
    await expect(run({ searchPath: '/nowhere' })).rejects.toMatchObject({
      name: 'SourceError',
      code: 'ProgramMissing',
      message: expect.stringMatching(/kustomize or kubectl.*Install one/),
    });
  });

  test('that cannot be run is told', async () => {
    writeFileSync(join(programs, 'kustomize'), '#!/no/such/interpreter\n', { mode: 0o755 });
    await expect(run()).rejects.toMatchObject({ code: 'ProgramMissing' });
  });

  test('is told of by its own words, with paths from the root on', async () => {
    script(
      'kustomize',
      `echo "Error: accumulating resources: ${root}/apps/x.yaml: bad, in ${root}" >&2; exit 1`,
    );
    await expect(run()).rejects.toMatchObject({
      code: 'RenderFailed',
      message: '.: kustomize: accumulating resources: apps/x.yaml: bad, in .',
    });
    script(
      'kustomize',
      `echo 'E0131 12:00:00.123456   13978 run.go:72] "command failed" err="no \\"x\\" here"' >&2; exit 1`,
    );
    await expect(run()).rejects.toMatchObject({ message: '.: kustomize: no "x" here' });
    script('kustomize', 'exit 7');
    await expect(run()).rejects.toMatchObject({ message: '.: kustomize: it ended with exit code 7' });
  });

  test('that writes too much is stopped', async () => {
    script('kustomize', `head -c ${limits.total + 1} /dev/zero; sleep 60`);
    await expect(run({ sealed: false, searchPath: `${programs}:${process.env.PATH}` })).rejects.toMatchObject(
      {
        code: 'TooLarge',
      },
    );
  });

  test('that takes too long is stopped', async () => {
    script('kustomize', `echo $$ > ${base}/pid; while :; do :; done`);
    const time = new AbortController();
    const rendered = run({ signal: time.signal });
    while (!existsSync(join(base, 'pid')) || readFileSync(join(base, 'pid'), 'utf8') === '') {
      await new Promise((resolve) => setImmediate(resolve));
    }
    time.abort(new Error('late'));
    await expect(rendered).rejects.toMatchObject({ code: 'Timeout' });
    const pid = Number(readFileSync(join(base, 'pid'), 'utf8'));
    await expect.poll(() => isRunning(pid)).toBe(false);
    await expect(run({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'Timeout' });
  });

  test('that is stopped goes with all that it has started', async () => {
    script('kustomize', `/bin/sh -c 'echo $$ > ${base}/pid; while :; do :; done' & wait`);
    const time = new AbortController();
    const rendered = run({ signal: time.signal });
    const pid = (): number =>
      existsSync(join(base, 'pid')) ? Number(readFileSync(join(base, 'pid'), 'utf8')) : 0;
    await expect.poll(pid).toBeGreaterThan(0);
    time.abort(new Error('late'));
    await expect(rendered).rejects.toMatchObject({ code: 'Timeout' });
    await expect.poll(() => isRunning(pid())).toBe(false);
  });

  test('has 512 MiB of memory where the tree is sealed, and says so when that is not enough', async () => {
    script('kustomize', 'ulimit -d');
    expect(await run()).toBe(`${512 * 1024}\n`);
    expect(await run({ sealed: false })).not.toBe(`${512 * 1024}\n`);
    script('kustomize', 'echo "fatal error: runtime: out of memory" >&2; exit 2');
    await expect(run()).rejects.toMatchObject({
      code: 'TooLarge',
      message: '.: kustomize needs more than 512 MiB of memory: look for bases that are included many times',
    });
  });

  test('finds no git, no home and no proxy that answers where the tree is sealed, and else the own environment', async () => {
    script('kustomize', 'echo "$PATH $HOME $HTTPS_PROXY $AGENTCTL_TEST_SECRET"; command -v git || true');
    process.env.AGENTCTL_TEST_SECRET = 'secret';
    try {
      expect(await run()).toBe('/dev/null /dev/null http://127.0.0.1:9 \n');
      expect(await run({ sealed: false })).toContain(`${programs} ${process.env.HOME}`);
      expect(await run({ sealed: false })).toContain('secret');
    } finally {
      delete process.env.AGENTCTL_TEST_SECRET;
    }
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // Dead, and nobody has asked how it ended.
    return !/^State:\s+Z/m.test(existsSync('/proc') ? readFileSync(`/proc/${pid}/status`, 'utf8') : '');
  } catch {
    return false;
  }
}

describe('a sealed tree', () => {
  beforeEach(() => script('kustomize', 'echo ran'));

  test('is rendered with all that is in it', async () => {
    put({
      'base/kustomization.yml': 'resources: [agent.yaml]\n',
      'base/agent.yaml': agent('web'),
      'part/Kustomization': 'kind: Component\npatches: [{ path: p.yaml }]\n',
      'part/p.yaml': agent('web'),
      'prod/kustomization.yaml': `
resources: [../base]
components: [../part]
namePrefix: prod-
labels: [{ pairs: { url: "https://example.com/a?b" }, fields: [{ path: spec/template, kind: Agent }] }]
patches:
  - patch: |
      - { op: add, path: /spec/url, value: "https://example.com" }
    target: { kind: Agent }
patchesStrategicMerge:
  - |
    kind: Agent
configMapGenerator: [{ name: c, files: [key=a.txt, a.txt], envs: [x.env], literals: ["u=http://example.com"] }]
transformers: [t.yaml]
openapi: { path: schema.json }
`,
      'prod/a.txt': 'a',
      'prod/x.env': 'a=b',
      'prod/schema.json': '{}',
      'prod/t.yaml':
        'apiVersion: builtin\nkind: PrefixSuffixTransformer\nmetadata: { name: x }\nfieldSpecs: [{ path: metadata/name }]\n',
    });
    expect(await run({ path: 'prod' })).toBe('ran\n');
    expect(await run({ path: join(root, 'prod') })).toBe('ran\n');
  });

  const remote: [name: string, kustomization: string][] = [
    ['a base by https', 'resources: ["https://example.com/base.yaml"]'],
    ['a base by http on this host', 'resources: ["http://127.0.0.1:6443/x"]'],
    ['a base by ssh', 'resources: ["ssh://git@example.com/x.git//base"]'],
    ['a base as git names hosts', 'resources: ["git@github.com:owner/repo"]'],
    ['a base as go-getter names hosts', 'resources: ["github.com/owner/repo//base?ref=v1"]'],
    ['a host in capitals', 'resources: ["GitHub.com/owner/repo"]'],
    ['a file URL', 'resources: ["file:///etc/passwd"]'],
    ['an old base', 'bases: ["https://example.com/x"]'],
    ['a component', 'components: ["https://example.com/x"]'],
    ['a patch', 'patches: [{ path: "http://127.0.0.1/x" }]'],
    ['a patch in capitals', 'Patches: [{ PATH: "http://127.0.0.1/x" }]'],
    ['an old patch', 'patchesStrategicMerge: ["http://127.0.0.1/x"]'],
    ['a JSON patch', 'patchesJson6902: [{ path: "http://127.0.0.1/x", target: {} }]'],
    ['a file of a generator', 'secretGenerator: [{ name: a, files: ["k=http://127.0.0.1/x"] }]'],
    ['variables of a generator', 'configMapGenerator: [{ name: a, envs: ["http://127.0.0.1/x"] }]'],
    ['a replacement', 'replacements: [{ path: "http://127.0.0.1/x" }]'],
    ['a schema', 'openapi: { path: "http://127.0.0.1/x" }'],
    ['CRDs', 'crds: ["http://127.0.0.1/x"]'],
    ['a configuration', 'configurations: ["http://127.0.0.1/x"]'],
    ['a transformer', 'transformers: ["http://127.0.0.1/x"]'],
    [
      'a patch in a transformer',
      'transformers:\n- |\n  apiVersion: builtin\n  kind: PatchTransformer\n  path: http://127.0.0.1/x\n',
    ],
    [
      'a file in a generator of its own',
      'generators:\n- |\n  apiVersion: builtin\n  kind: SecretGenerator\n  files: [http://127.0.0.1/x]\n',
    ],
  ];
  test.each(remote)('fetches nothing: %s', async (_name, kustomization) => {
    put({ 'kustomization.yaml': `${kustomization}\n` });
    await expect(run()).rejects.toMatchObject({
      code: 'RenderFailed',
      message: expect.stringContaining('is not in the repository, and nothing is downloaded here'),
    });
  });

  const running: [name: string, kustomization: string][] = [
    ['charts', 'helmCharts: [{ name: x, repo: "https://example.com" }]'],
    ['charts, as they were once named', 'helmChartInflationGenerator: [{ chartName: x }]'],
    [
      'charts by a generator',
      'generators:\n- |\n  apiVersion: builtin\n  kind: HelmChartInflationGenerator\n',
    ],
    ['a generator that is a program', 'generators:\n- |\n  apiVersion: example.com/v1\n  kind: Evil\n'],
    ['a validator that is a program', 'validators:\n- |\n  apiVersion: example.com/v1\n  kind: Evil\n'],
    [
      'a function',
      'transformers:\n- |\n  apiVersion: builtin\n  kind: X\n  metadata:\n    annotations:\n      config.kubernetes.io/function: "exec: { path: ./evil }"\n',
    ],
    ['a folder of transformers', 'transformers: [sub]'],
    ['a field that is not known', 'plugins: [x]'],
    ['fields that are merged', 'x: &x { path: "http://127.0.0.1/x" }\npatches: [{ <<: *x }]'],
    ['nested fields that are merged', 'patches: [{ <<: { path: "http://127.0.0.1/x" } }]'],
    ['a comment that ends at U+2028', '# x\u2028resources: ["http://127.0.0.1:9/x.yaml"]'],
    ['a comment that ends at U+0085', '# x\u0085resources: ["http://127.0.0.1:9/x.yaml"]'],
    ['a comment that ends at a carriage return', '# x\rresources: ["http://127.0.0.1:9/x.yaml"]'],
    ['such an end of a line inline', 'transformers: ["# x\\u2028apiVersion: builtin\\n"]'],
    ['a field twice', 'resources: []\nresources: ["https://example.com"]'],
    ['hidden text', 'resources: [!!binary aHR0cDovLzEyNy4wLjAuMS94]'],
    ['a second document', 'resources: []\n---\nresources: ["https://example.com"]'],
    ['no YAML', 'resources: ['],
    ['no fields', '[a]'],
    ['no path', 'resources: [{ a: 1 }]'],
    ['aliases without end', `a: &a [x]\nb: &b [${'*a,'.repeat(99)}]\nmetadata: [${'*b,'.repeat(99)}]`],
  ];
  test.each(running)('runs and takes nothing that is not known: %s', async (_name, kustomization) => {
    put({ 'kustomization.yaml': `${kustomization}\n`, 'sub/kustomization.yaml': 'resources: []\n' });
    await expect(run()).rejects.toMatchObject({
      code: 'RenderFailed',
      message: expect.stringMatching(/^kustomization\.yaml: /),
    });
  });

  test.each(['../../outside', '/etc', '../../../../../etc', '../outside.yaml/../..'])(
    'is not left: %s',
    async (entry) => {
      mkdirSync(join(base, 'outside'));
      put({ 'top/kustomization.yaml': `resources: ["${entry}"]\n` });
      await expect(run({ path: 'top' })).rejects.toMatchObject({
        code: 'OutsideTree',
        message: expect.stringContaining('top/kustomization.yaml: resources'),
      });
    },
  );

  test('is not left by links, nor by its own folder', async () => {
    put({ 'kustomization.yaml': 'resources: [link/x.yaml]\n' });
    mkdirSync(join(base, 'outside'));
    writeFileSync(join(base, 'outside', 'x.yaml'), agent('x'));
    symlinkSync('../outside', join(root, 'link'));
    await expect(run()).rejects.toMatchObject({ code: 'OutsideTree' });
    await expect(run({ path: '../outside' })).rejects.toMatchObject({ code: 'OutsideTree' });
    symlinkSync('../outside/x.yaml', join(root, 'Kustomization'));
    rmSync(join(root, 'kustomization.yaml'));
    await expect(run()).rejects.toMatchObject({ code: 'OutsideTree' });
  });

  test('does not keep the controller busy by fields without number', async () => {
    const annotations = Array.from({ length: 60_000 }, (_, at) => `  k${at}: a\n`);
    const of = (count: number): string => `commonAnnotations:\n${annotations.slice(0, count).join('')}`;
    const read = async (count: number): Promise<void> => {
      put({ 'kustomization.yaml': of(count) });
      expect(await run()).toBe('ran\n');
    };
    expect(await growthOf(read, [1_000, 10_000])).toBeLessThan(1.5);
    put({ 'kustomization.yaml': of(60_000) });
    await expect(run()).rejects.toMatchObject({ code: 'TooLarge' });
  });

  test('is looked at through all that it builds on, and a circle ends', async () => {
    put({
      'a/kustomization.yaml': 'resources: [../b]\n',
      'b/kustomization.yaml': 'resources: [../c]\ncomponents: [../a]\n',
      'c/kustomization.yaml': 'helmCharts: []\nresources: []\n',
    });
    await expect(run({ path: 'a' })).rejects.toMatchObject({
      message: expect.stringContaining('c/kustomization.yaml: helmCharts'),
    });
  });

  test('without a kustomization, with two, or with files that are not there, is told', async () => {
    put({ 'x/a.yaml': '' });
    await expect(run({ path: 'x' })).rejects.toMatchObject({
      code: 'RenderFailed',
      message: expect.stringContaining('x: no kustomization.yaml'),
    });
    await expect(run({ path: 'y' })).rejects.toMatchObject({ code: 'PathMissing' });
    put({ 'x/kustomization.yaml': '', 'x/Kustomization': '' });
    await expect(run({ path: 'x' })).rejects.toMatchObject({
      message: expect.stringContaining('expected one of them'),
    });
    put({ 'z/kustomization.yaml': 'resources: [gone.yaml]\n' });
    await expect(run({ path: 'z' })).rejects.toMatchObject({
      code: 'PathMissing',
      message: expect.stringContaining('"gone.yaml": does not exist'),
    });
  });
});

describe.skipIf(lacks('kubectl'))('kubectl itself', () => {
  const searchPath = process.env.PATH ?? '';

  test.each([true, false])('renders an overlay, sealed: %s', async (sealed) => {
    put({
      'base/kustomization.yaml': 'resources: [agent.yaml]\n',
      'base/agent.yaml': agent('web'),
      'prod/kustomization.yaml': 'resources: [../base]\nnamePrefix: prod-\n',
    });
    expect(await run({ path: 'prod', sealed, searchPath })).toContain('name: prod-web');
  });

  test('tells its error with paths from the root on', async () => {
    put({ 'prod/kustomization.yaml': 'resources: [a.yaml]\n', 'prod/a.yaml': 'a: [\n' });
    const error = await run({ path: 'prod', searchPath }).catch((error: unknown) => error);
    expect(error).toMatchObject({ code: 'RenderFailed' });
    expect(String(error)).toContain('a.yaml');
    expect(String(error)).not.toContain(base);
  });

  test('reads no file above the kustomization, as it has it by default', async () => {
    put({
      'secret.txt': 's',
      'prod/kustomization.yaml': 'configMapGenerator: [{ name: a, files: [../secret.txt] }]\n',
    });
    for (const sealed of [true, false]) {
      await expect(run({ path: 'prod', sealed, searchPath })).rejects.toMatchObject({
        code: 'RenderFailed',
        message: expect.stringMatching(/security|not in or below/),
      });
    }
  });

  test('asks no server on this host for what a sealed tree names', async () => {
    let asked = 0;
    const server = createServer((_request, response) => {
      asked += 1;
      response.end(agent('stolen'));
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo; // it listens on TCP
    put({ 'kustomization.yaml': `resources: ["http://127.0.0.1:${port}/a.yaml"]\n` });
    await expect(run({ searchPath })).rejects.toMatchObject({ code: 'RenderFailed' });
    expect(asked).toBe(0);
    expect(await run({ sealed: false, searchPath })).toContain('name: stolen'); // so the test would see it
    server.close();
  });
});

test('the folders that a kustomization builds on are known, for a watch', () => {
  put({
    'prod/kustomization.yaml':
      'resources: [../base, a.yaml, https://example.com/x, ../gone]\ncomponents: [../part]\n',
    'prod/a.yaml': '',
    'base/kustomization.yaml': 'bases: [../prod]\n',
    'part/kustomization.yaml': 'a: [\n',
  });
  expect(foldersOf(join(root, 'prod')).sort()).toEqual(
    ['base', 'part', 'prod'].map((name) => join(root, name)),
  );
});

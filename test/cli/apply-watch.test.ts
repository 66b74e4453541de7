import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { UnreachableError } from '../../src/api/errors.ts';
import { type How, type Screen, useShell } from './support.ts';

const shell = useShell();
const agent = (name: string, spec = ''): string =>
  `apiVersion: agentctl.dev/v1\nkind: Agent\nmetadata: { name: ${name} }\nspec:\n  template: { command: [sleep, "60"] }\n${spec}`;

/** A running `apply --watch`: what it has said so far, and its end by Ctrl-C. */
class Watching {
  out = '';
  err = '';
  readonly #interrupt = new AbortController();
  readonly #screen: Promise<Screen>;

  constructor(words: string[], how: How = {}) {
    this.#screen = shell.run(['apply', ...words, '--watch'], {
      ...how,
      signal: this.#interrupt.signal,
      onOut: (text) => {
        this.out = text;
      },
      onErr: (text) => {
        this.err = text;
      },
    });
  }

  /** Waits, while time goes on, until this has been said. */
  async said(text: string | RegExp, where: 'out' | 'err' = 'out'): Promise<void> {
    await vi.waitFor(
      () => {
        shell.server.clock.advance(400);
        expect(this[where]).toMatch(text);
      },
      { timeout: 40_000, interval: 20 },
    );
  }

  async end(): Promise<Screen> {
    this.#interrupt.abort();
    return this.#screen;
  }
}

const running: Watching[] = [];
function watch(words: string[], how?: How): Watching {
  const watching = new Watching(words, how);
  running.push(watching);
  return watching;
}
afterEach(async () => {
  for (const watching of running.splice(0)) await watching.end();
});

function folder(name: string, files: Record<string, string>): string {
  const path = join(shell.folder, name);
  mkdirSync(path, { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text);
  return path;
}
const exists = async (name: string): Promise<boolean> => (await shell.run(['get', 'agent', name])).code === 0;

describe('apply --watch', () => {
  test('applies each change, says what has changed and when, and ends by Ctrl-C with 0', async () => {
    const path = folder('first', { 'a.yaml': agent('w-one'), 'b.yaml': agent('w-two') });
    const watching = watch(['-f', path]);
    await watching.said('Watching for changes', 'err');
    expect(watching.out).toBe('agent.agentctl.dev/w-one created\nagent.agentctl.dev/w-two created\n');
    writeFileSync(join(path, 'b.yaml'), agent('w-two', '  replicas: 2\n'));
    await watching.said('w-two configured');
    writeFileSync(join(path, 'c.tmp'), agent('w-three'));
    renameSync(join(path, 'c.tmp'), join(path, 'c.yaml'));
    await watching.said('w-three created');
    const { out, code } = await watching.end();
    expect(code).toBe(0);
    expect(out.split('\n').slice(2)).toEqual([
      expect.stringMatching(/^\d\d:\d\d:\d\d agent\.agentctl\.dev\/w-two configured$/),
      expect.stringMatching(/^\d\d:\d\d:\d\d agent\.agentctl\.dev\/w-three created$/),
      '',
    ]);
  });

  test('tells an error at its place once, goes on, and leaves what is', async () => {
    const path = folder('errors', { 'a.yaml': agent('w-fine') });
    const watching = watch(['-f', path]);
    await watching.said('Watching', 'err');
    writeFileSync(join(path, 'a.yaml'), agent('w-fine', '  replica: 2\n'));
    await watching.said(/^\d\d:\d\d:\d\d error: .*a\.yaml:6:3: Agent\/w-fine: spec\.replica/m, 'err');
    expect(await exists('w-fine')).toBe(true);
    writeFileSync(join(path, 'a.yaml'), agent('w-fine', '  replicas: 2\n'));
    await watching.said('w-fine configured');
    await watching.said('all objects are up to date again', 'err');
    expect(watching.err.match(/spec\.replica/g)).toHaveLength(1);
  });

  test('begins though the first files are wrong', async () => {
    const path = folder('late', { 'a.yaml': 'kind: Agnt\n' });
    const watching = watch(['-f', path]);
    await watching.said('error: ', 'err');
    writeFileSync(join(path, 'a.yaml'), agent('w-late'));
    await watching.said('w-late created');
  });

  test.each([['-f'], ['--prune', '--applyset=vanish', '-f']])(
    'deletes nothing when the folder vanishes or is emptied, and goes on when it is back: %s',
    async (...flags) => {
      const name = flags.length > 1 ? 'w-pruned' : 'w-stays';
      const path = folder(`vanish-${name}`, { 'a.yaml': agent(name) });
      const watching = watch([...flags, path]);
      await watching.said('Watching', 'err');
      renameSync(path, `${path}-away`);
      await watching.said(/the path .* does not exist/, 'err');
      mkdirSync(path);
      await watching.said('no .yaml, .yml or .json file', 'err');
      writeFileSync(join(path, 'a.yaml'), '');
      await watching.said('is empty', 'err');
      expect(await exists(name)).toBe(true);
      rmSync(path, { recursive: true });
      renameSync(`${path}-away`, path);
      await watching.said('all objects are up to date again', 'err');
      writeFileSync(join(path, 'b.yaml'), agent(`${name}-b`));
      await watching.said(`${name}-b created`);
    },
  );

  test('prunes what the files no longer name', async () => {
    const path = folder('prune', { 'a.yaml': agent('w-kept'), 'b.yaml': agent('w-gone') });
    const watching = watch(['-f', path, '--prune', '--applyset=watched']);
    await watching.said('Watching', 'err');
    rmSync(join(path, 'b.yaml'));
    await watching.said(/^\d\d:\d\d:\d\d agent\.agentctl\.dev\/w-gone pruned$/m);
    expect(await exists('w-kept')).toBe(true);
  });

  test('takes several files and folders, with all below them by -R', async () => {
    const path = folder('many', { 'a.yaml': agent('w-a') });
    folder('many/sub', { 'b.yaml': agent('w-b') });
    const file = join(folder('other', { 'c.yaml': agent('w-c') }), 'c.yaml');
    const watching = watch(['-R', '-f', path, '-f', file]);
    await watching.said('Watching', 'err');
    writeFileSync(join(path, 'sub', 'b.yaml'), agent('w-b', '  replicas: 2\n'));
    await watching.said('w-b configured');
    writeFileSync(`${file}.tmp`, agent('w-c', '  replicas: 2\n'));
    renameSync(`${file}.tmp`, file);
    await watching.said('w-c configured');
  });

  test('sees changes of what a link in the folder leads to', async () => {
    const target = join(folder('elsewhere', { 'l.yaml': agent('w-link') }), 'l.yaml');
    const path = folder('links', {});
    symlinkSync(target, join(path, 'l.yaml'));
    const watching = watch(['-f', path]);
    await watching.said('Watching', 'err');
    for (const replicas of [2, 3]) {
      writeFileSync(`${target}.tmp`, agent('w-link', `  replicas: ${replicas}\n`));
      renameSync(`${target}.tmp`, target);
      await vi.waitFor(async () => {
        shell.server.clock.advance(400);
        const key = { namespace: 'default', name: 'w-link' };
        expect((await shell.server.client.get('Agent', key)).spec).toMatchObject({ replicas });
      }, 40_000);
    }
  });

  test('renders a kustomization again when it, or one that it builds on, has changed', async () => {
    folder('bin', {});
    const script = '#!/bin/sh\nexec /bin/cat "$2/../base/a.yaml"\n';
    writeFileSync(join(shell.folder, 'bin', 'kustomize'), script, { mode: 0o755 });
    const base = folder('base', { 'kustomization.yaml': 'resources: [a.yaml]\n', 'a.yaml': agent('w-base') });
    const prod = folder('prod', { 'kustomization.yaml': 'resources: [../base]\n' });
    const watching = watch(['-k', prod], { environment: { PATH: join(shell.folder, 'bin') } });
    await watching.said('Watching', 'err');
    writeFileSync(join(base, 'a.yaml'), agent('w-base', '  replicas: 2\n'));
    await watching.said('w-base configured');
  });

  test('tells of a controller that is out of reach, and applies once it is back', async () => {
    const path = folder('away', { 'a.yaml': agent('w-away') });
    const watching = watch(['-f', path]);
    await watching.said('Watching', 'err');
    const patch = vi.spyOn(shell.server.client, 'patch').mockRejectedValue(new UnreachableError('gone away'));
    writeFileSync(join(path, 'a.yaml'), agent('w-away', '  replicas: 2\n'));
    await watching.said('error: gone away', 'err');
    await vi.waitFor(
      () => {
        shell.server.clock.advance(1000);
        expect(patch.mock.calls.length).toBeGreaterThan(3);
      },
      { timeout: 40_000 },
    );
    expect(watching.err.match(/gone away/g)).toHaveLength(1);
    patch.mockRestore();
    await watching.said('w-away configured');
    await watching.said('all objects are up to date again', 'err');
  });

  test.each([
    ['standard input', ['-f', '-']],
    ['a URL', ['-f', 'https://example.com/a.yaml']],
    ['a dry run', ['-f', '.', '--dry-run']],
    ['nothing', []],
    ['--prune without a set', ['-f', '.', '--prune']],
    ['-k and -f', ['-f', '.', '-k', '.']],
  ])('refuses %s', async (_name, words) => {
    expect(await shell.run(['apply', '--watch', ...words])).toMatchObject({ code: 64 });
  });

  test('prints no times where the output is for a program', async () => {
    const path = folder('names', { 'a.yaml': agent('w-n1') });
    const watching = watch(['-f', path, '-o', 'name']);
    await watching.said('Watching', 'err');
    writeFileSync(join(path, 'b.yaml'), agent('w-n2'));
    await watching.said('w-n2');
    expect((await watching.end()).out).toBe('agent.agentctl.dev/w-n1\nagent.agentctl.dev/w-n2\n');
  });
});

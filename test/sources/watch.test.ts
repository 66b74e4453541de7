import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/platform/clock.ts';
import { watchPaths } from '../../src/sources/folder-watch.ts';
import { ManualClock } from '../fakes/clock.ts';

let base: string;
let folder: string;
let calls = 0;
const open: { close(): Promise<void> }[] = [];

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'agentctl-watch-'));
  folder = join(base, 'manifests');
  mkdirSync(join(folder, 'sub'), { recursive: true });
  writeFileSync(join(folder, 'a.yaml'), 'a: 1\n');
  writeFileSync(join(folder, 'sub', 'b.yaml'), 'b: 1\n');
  calls = 0;
});
afterEach(async () => {
  for (const watch of open.splice(0)) await watch.close();
  rmSync(base, { recursive: true });
});

const quiet = 60;
const count = (): void => {
  calls += 1;
};

/** Begins a watch, and waits until it has told that it began. */
async function begin(paths: string[] = [folder], recursive = true): Promise<void> {
  open.push(watchPaths(paths, count, { quiet, clock: systemClock, recursive }));
  await settled();
}

/** That it is told of what `act` does, and then is quiet. */
async function tells(act: () => void): Promise<void> {
  const before = calls;
  act();
  await vi.waitFor(() => expect(calls).toBeGreaterThan(before), { timeout: 40_000, interval: 10 });
  await settled();
}

/** Until nothing has been told of for a while. */
async function settled(): Promise<void> {
  let last = -1;
  await vi.waitFor(
    () => {
      const still = calls === last && calls > 0;
      last = calls;
      if (!still) throw new Error('goes on');
    },
    { timeout: 40_000, interval: 4 * quiet },
  );
}

const shell = (command: string): void => {
  execFileSync('/bin/sh', ['-c', command], { cwd: folder });
};

describe('a watch tells of', () => {
  const deeds: [name: string, command: string][] = [
    ['a file that is written', 'echo more >> a.yaml'],
    ['a file in a folder below', 'echo more >> sub/b.yaml'],
    ['a new file', 'echo c > c.yaml'],
    ['a new folder', 'mkdir -p x/y && echo d > x/y/d.yaml'],
    ['a file that is deleted', 'rm a.yaml'],
    ["vim's save: backup by rename, then a new file", 'mv a.yaml a.yaml~; echo new > a.yaml; rm a.yaml~'],
    ["VS Code's save: a temporary file, renamed over", 'echo new > a.yaml.tmp; mv a.yaml.tmp a.yaml'],
    ['sed -i', 'sed -i s/1/2/ a.yaml'],
    ['a file that is deleted and made again', 'rm a.yaml; echo new > a.yaml'],
    ['a folder that is renamed', 'mv sub sub2'],
    ['a folder that is moved away', 'mv sub ../elsewhere'],
    ['a folder that is moved in', 'mkdir ../new; echo e > ../new/e.yaml; mv ../new .'],
    ['a file that is emptied and then completed', ': > a.yaml; echo new > a.yaml'],
  ];
  test.each(deeds)('%s, twice', async (_name, command) => {
    await begin();
    await tells(() => shell(command));
    await tells(() => shell('mkdir -p sub; echo again >> sub/b.yaml; echo again >> a.yaml'));
  });

  test("a ConfigMap's new version, as Kubernetes swaps it, each time", async () => {
    shell('mkdir ..1; echo 1 > ..1/k.yaml; ln -s ..1 ..data; ln -s ..data/k.yaml k.yaml');
    await begin();
    for (const n of [2, 3]) {
      await tells(() =>
        shell(
          `mkdir ..${n}; echo ${n} > ..${n}/k.yaml; ln -s ..${n} ..new; mv -T ..new ..data; rm -r ..${n - 1}`,
        ),
      );
    }
  });

  test('a folder that vanishes, its return, and what changes after that', async () => {
    await begin();
    await tells(() => renameSync(folder, `${folder}-away`));
    await tells(() => renameSync(`${folder}-away`, folder));
    await tells(() => appendFileSync(join(folder, 'sub', 'b.yaml'), 'more\n'));
    await tells(() => rmSync(folder, { recursive: true }));
    await tells(() => mkdirSync(folder));
    await tells(() => writeFileSync(join(folder, 'a.yaml'), 'new\n'));
  });

  test('a folder that is gone for a moment only, each time', async () => {
    await begin();
    for (let round = 0; round < 3; round++) {
      await tells(() => shell('rm -r ../manifests; sleep 0.2; mkdir ../manifests'));
      await tells(() => writeFileSync(join(folder, `${round}.yaml`), 'new\n'));
      shell('mv ../manifests ../m; sleep 0.2; mv ../m ../manifests'); // nothing in it has changed
      await tells(() => writeFileSync(join(folder, `${round}.yaml`), 'newer\n'));
    }
  });

  test('a folder in place of another one', async () => {
    await begin();
    mkdirSync(join(base, 'other'));
    await tells(() => shell('mv ../manifests ../old; mv ../other ../manifests'));
    await tells(() => writeFileSync(join(folder, 'new.yaml'), 'new\n'));
  });

  test('a folder that is yet to come', async () => {
    const later = join(base, 'later');
    open.push(watchPaths([later], count, { quiet, clock: systemClock }));
    await tells(() => mkdirSync(later));
    await tells(() => writeFileSync(join(later, 'a.yaml'), 'new\n'));
  });

  test('a link that is set to another folder', async () => {
    const link = join(base, 'current');
    symlinkSync(folder, link);
    mkdirSync(join(base, 'next'));
    await begin([link]);
    await tells(() => shell('ln -s next ../tmp; mv -T ../tmp ../current'));
    await tells(() => writeFileSync(join(base, 'next', 'a.yaml'), 'new\n'));
  });

  test('a single file through all ways to save it', async () => {
    const file = join(folder, 'a.yaml');
    await begin([file]);
    await tells(() => appendFileSync(file, 'more\n'));
    await tells(() => shell('echo new > a.tmp; mv a.tmp a.yaml'));
    await tells(() => shell('mv a.yaml a.yaml~; echo new2 > a.yaml; rm a.yaml~'));
    await tells(() => shell('sed -i s/new/newer/ a.yaml'));
    await tells(() => rmSync(file));
    await tells(() => writeFileSync(file, 'back\n'));
    await tells(() => appendFileSync(file, 'more\n'));
  });
});

describe('a watch says nothing of', () => {
  test('names that begin with a dot, such as those of Git and of swap files', async () => {
    await begin();
    const before = calls;
    shell('mkdir .git; echo x > .git/HEAD; echo x > .a.yaml.swp; echo x > sub/.x');
    await tells(() => shell('echo more >> a.yaml'));
    expect(calls).toBe(before + 1);
  });

  test('folders below, where only the folder itself is asked for', async () => {
    await begin([folder], false);
    const before = calls;
    shell('echo more >> sub/b.yaml');
    await tells(() => shell('echo more >> a.yaml'));
    expect(calls).toBe(before + 1);
  });

  test('anything after its end', async () => {
    await begin();
    const before = calls;
    await open.pop()?.close();
    const other = vi.fn();
    const second = watchPaths([folder], other, { quiet, clock: systemClock });
    await vi.waitFor(() => expect(other).toHaveBeenCalled(), { timeout: 40_000 });
    other.mockClear();
    shell('echo more >> a.yaml');
    await vi.waitFor(() => expect(other).toHaveBeenCalled(), { timeout: 40_000 });
    await second.close();
    expect(calls).toBe(before);
  });
});

describe('many changes', () => {
  test('are told of once, when all is quiet', async () => {
    await begin();
    const before = calls;
    await tells(() => shell('for i in 1 2 3 4 5 6 7 8 9; do echo $i > n$i.yaml; sleep 0.01; done'));
    expect(calls).toBe(before + 1);
  });

  test('that never end are told of all the same', async () => {
    const clock = new ManualClock('2026-01-31T12:00:00Z');
    open.push(watchPaths([folder], count, { quiet: 1000, clock }));
    let n = 0;
    // Each step changes something less than the quiet time after the last.
    await vi.waitFor(
      () => {
        writeFileSync(join(folder, 'a.yaml'), `a: ${n++}\n`);
        clock.advance(900);
        expect(calls).toBeGreaterThan(1);
      },
      { timeout: 40_000, interval: 100 },
    );
  });
});

import { readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { Attachment, OutputLine } from '../../../src/drivers/attachment.ts';
import { logFolder } from '../../../src/drivers/process/layout.ts';
import { createAttachments } from '../../../src/drivers/process/process-attach.ts';
import type { ProcessDriver } from '../../../src/drivers/process.ts';
import type { Observed } from '../../../src/plan/world.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { ended, eventually, openDriver, pause, pidsOf, refusal, specOf, withRun } from './harness.ts';

const opened: Attachment[] = [];
afterEach(() => {
  for (const attachment of opened.splice(0)) attachment.close();
});

async function attach(
  driver: ProcessDriver,
  { ref, run, startId = '' }: Observed,
  cursor?: string,
): Promise<Attachment> {
  const signal = AbortSignal.timeout(40_000);
  const attachment = await driver.stdio.attach(ref, { run, startId, cursor, signal });
  opened.push(attachment);
  return attachment;
}

/** Reads by itself; `done` once it has ended. */
function reading({ lines }: Attachment): { lines: OutputLine[]; texts(): string[]; done: Promise<void> } {
  const all: OutputLine[] = [];
  const pump = async (): Promise<void> => {
    for await (const batch of lines) all.push(...batch);
  };
  return { lines: all, texts: () => all.map(({ text }) => text), done: pump() };
}

/** An attachment to a run that has no process, and whose end is told by the test. */
async function openAlone(hasEnded: () => Promise<boolean>) {
  const ref = await mkdtemp(join(tmpdir(), 'agentctl-attach-'));
  await mkdir(logFolder(ref, 1));
  const { identity, talks, logs } = specOf('');
  const meta = { identity, bootId: 'b', workingDir: '/tmp', talks, logs };
  const run = { number: 1, folder: join(ref, '1'), meta };
  const attachments = createAttachments(systemClock);
  const options = { run: 1, startId: '', signal: AbortSignal.timeout(40_000) };
  const attachment = await attachments.open(ref, run, { hasEnded, subscribe: () => () => {} }, options);
  return { attachment, attachments, ref };
}

const echo = 'while IFS= read -r line; do echo "got $line"; done';

describe('the output of a process', () => {
  test('is read on by a controller that comes back, from its cursor', async () => {
    const { driver, stateDir } = await openDriver();
    const observed = await driver.create(specOf(`seq 1 1000; ${echo}`));
    const first = await attach(driver, observed);
    const before = reading(first);
    await eventually(() => expect(before.lines.length).toBe(1000));
    await first.write('while it is away\n');
    await driver.close();
    await before.done;
    const { driver: later } = await openDriver({ stateDir });
    const after = reading(await attach(later, observed, before.lines[997]?.cursor));
    await eventually(() => expect(after.texts().at(-1)).toBe('got while it is away'));
    expect(after.texts().slice(0, 2)).toEqual(['999', '1000']);
  });

  test('ends though the shim was killed and wrote no end', async () => {
    const { driver } = await openDriver();
    const observed = await driver.create(specOf('echo up; exec sleep 600'));
    const output = reading(await attach(driver, observed));
    await eventually(() => expect(output.texts()).toEqual(['up']));
    const { shim, main } = await pidsOf(observed.ref);
    process.kill(shim, 'SIGKILL');
    process.kill(main, 'SIGKILL');
    await output.done;
  });

  test('goes on though the process is stopped by a debugger', async () => {
    const { driver } = await openDriver();
    const observed = await driver.create(specOf(echo));
    await pause(observed.ref);
    const attachment = await attach(driver, observed);
    const output = reading(attachment);
    await attachment.write('a\n');
    process.kill((await pidsOf(observed.ref)).main, 'SIGCONT');
    await eventually(() => expect(output.texts()).toEqual(['got a']));
  });

  test('of an earlier run can be read, but nothing be written to that', async () => {
    const { driver } = await openDriver();
    const spec = specOf('echo run $AGENTCTL_RUN; [ $AGENTCTL_RUN = 1 ] || sleep 600');
    const first = await driver.create(spec);
    await ended(driver, first.ref);
    await driver.restart(first.ref, withRun(spec, 2));
    const attachment = await attach(driver, first);
    const output = reading(attachment);
    await output.done;
    expect(output.texts()).toEqual(['run 1']);
    expect(await refusal(attachment.write('a\n'))).toMatchObject({ code: 'NotRunning' });
  });

  test('is lost where nobody can tell whether the run has ended', async () => {
    const { attachment, ref } = await openAlone(() => Promise.reject(new Error('EMFILE')));
    expect(await refusal(reading(attachment).done)).toMatchObject({
      kind: 'Retryable',
      code: 'OutputLost',
    });
    attachment.close();
    await rm(ref, { recursive: true });
  });

  test('ends when the instance is removed', async () => {
    const { driver } = await openDriver();
    const observed = await driver.create(specOf('echo up; exec sleep 600'));
    const output = reading(await attach(driver, observed));
    await driver.remove(observed.ref, { volumes: true });
    await output.done;
    expect(await refusal(attach(driver, observed))).toMatchObject({ code: 'Gone' });
  });

  test.each([
    ['a run that is to come', (observed: Observed) => ({ ...observed, run: 2 })],
    ['a path that is no instance', (observed: Observed) => ({ ...observed, ref: '/etc' })],
    [
      'a path beside the instances',
      (observed: Observed) => ({ ...observed, ref: join(observed.ref, '../../../..') }),
    ],
  ])('of %s is Gone', async (_name, change) => {
    const { driver } = await openDriver();
    const observed = await driver.create(specOf('sleep 600'));
    expect(await refusal(attach(driver, change(observed)))).toMatchObject({
      kind: 'Retryable',
      code: 'Gone',
    });
  });

  test("of another store's instance is Gone", async () => {
    const { driver, stateDir } = await openDriver();
    const observed = await driver.create(specOf('sleep 600'));
    const { driver: other } = await openDriver({ stateDir, storeId: 'other' });
    expect(await refusal(attach(other, observed))).toMatchObject({ code: 'Gone' });
  });
});

describe('the input of a process', () => {
  test('takes a line of 8 MiB', async () => {
    const { driver } = await openDriver();
    const observed = await driver.create(specOf('head -n 1 | wc -c'));
    const attachment = await attach(driver, observed);
    const output = reading(attachment);
    const bytes = 8 * 1024 * 1024;
    await attachment.write(`${'x'.repeat(bytes)}\n`);
    await output.done;
    expect(output.texts().map(Number)).toEqual([bytes + 1]);
  });

  test('that nobody reads holds nothing else up', async () => {
    const { driver } = await openDriver();
    const attachments = await Promise.all(
      // More than the threads that Node has for files.
      Array.from({ length: 8 }, async () => attach(driver, await driver.create(specOf('exec sleep 600')))),
    );
    const waits = attachments.map((attachment) => refusal(attachment.write('x'.repeat(1024 * 1024))));
    for (let round = 0; round < 20; round++) await readFile('/proc/self/stat');
    for (const attachment of attachments) attachment.close();
    for (const error of await Promise.all(waits)) expect(error).toMatchObject({ code: 'NotRunning' });
  });

  test('that one run did not read does not reach the next, though somebody is still attached', async () => {
    const { driver } = await openDriver();
    const spec = specOf(`[ $AGENTCTL_RUN = 2 ] || exec sleep 600; ${echo}`);
    const first = await driver.create(spec);
    const attachment = await attach(driver, first);
    await attachment.write('for the first\n');
    const waits = refusal(attachment.write('y'.repeat(1024 * 1024)));
    await driver.kill(first.ref);
    const second = await driver.restart(first.ref, withRun(spec, 2));
    expect(await waits).toMatchObject({ kind: 'Retryable', code: 'NotRunning' });
    const next = await attach(driver, second);
    const output = reading(next);
    await next.write('for the second\n');
    await eventually(() => expect(output.texts()).toEqual(['got for the second']));
  });

  test('is closed by the start of a later run, before anybody tells of the end', async () => {
    const { attachment, attachments, ref } = await openAlone(async () => false);
    attachments.supersede(ref, 1);
    // Not refused for that reason yet, but there is no FIFO.
    expect((await refusal(attachment.write('a\n'))).message).toContain('no process is reading');
    attachments.supersede(ref, 2);
    expect((await refusal(attachment.write('a\n'))).message).toContain('has ended');
    attachments.close();
    await rm(ref, { recursive: true });
  });

  test('that the program has closed refuses lines, and the run goes on', async () => {
    const { driver } = await openDriver();
    const observed = await driver.create(specOf('exec <&-; echo up; sleep 600 </dev/null; :'));
    const attachment = await attach(driver, observed);
    const output = reading(attachment);
    await eventually(() => expect(output.texts()).toEqual(['up']));
    const error = await refusal(attachment.write('a\n'));
    expect(error).toMatchObject({
      kind: 'Retryable',
      code: 'NotRunning',
      message: expect.stringContaining('no process is reading'),
    });
    expect(await driver.inspect(observed.ref)).toMatchObject({ state: 'Running' });
  });

  test('is refused while more than its bound waits, and free again when that was read', async () => {
    const { driver } = await openDriver();
    const observed = await driver.create(specOf('trap : USR1; echo up; sleep 600 & wait; wc -c'));
    const attachment = await attach(driver, observed);
    const output = reading(attachment);
    await eventually(() => expect(output.texts()).toEqual(['up']));
    const part = 'x'.repeat(6 * 1024 * 1024);
    const taken = [attachment.write(part), attachment.write(part)];
    expect(await refusal(attachment.write(part))).toMatchObject({ kind: 'Retryable', code: 'InputFull' });
    process.kill((await pidsOf(observed.ref)).main, 'SIGUSR1');
    await Promise.all(taken);
    await attachment.write('free\n');
    await driver.kill(observed.ref);
    await output.done;
  });

  test.skipIf(process.getuid?.() !== 0)('reaches a process of another user', async () => {
    const { driver } = await openDriver();
    const observed = await driver.create(specOf(echo, { user: 'daemon', workingDir: '/tmp' }));
    const attachment = await attach(driver, observed);
    const output = reading(attachment);
    await attachment.write('a\n');
    await eventually(() => expect(output.texts()).toEqual(['got a']));
    expect(attachment.workingDir).toBe('/tmp');
  });
});

test('attaching and leaving again and again keeps no file open', async () => {
  const { driver } = await openDriver();
  const observed = await driver.create(specOf(`echo up; ${echo}`));
  const files = (): number => readdirSync('/proc/self/fd').length;
  const once = async (): Promise<void> => {
    const attachment = await attach(driver, observed);
    for await (const _ of attachment.lines) break;
    await attachment.write('a\n');
    attachment.close();
  };
  await once();
  const before = files();
  for (let round = 0; round < 200; round++) await once();
  await eventually(() => expect(files()).toBeLessThanOrEqual(before));
});

test('fifty that talk at once are each told all of theirs', async () => {
  const { driver } = await openDriver();
  const outputs = await Promise.all(
    Array.from({ length: 50 }, async (_, index) => {
      const attachment = await attach(
        driver,
        await driver.create(specOf(`read -r x; seq ${index} 300; exit`)),
      );
      const output = reading(attachment);
      await attachment.write('go\n');
      return output;
    }),
  );
  await Promise.all(outputs.map(({ done }) => done));
  for (const [index, output] of outputs.entries())
    expect(output.texts()).toEqual(Array.from({ length: 301 - index }, (_, at) => String(index + at)));
});

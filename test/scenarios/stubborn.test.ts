import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, test } from 'vitest';
import type { Instance } from '../../src/api/objects.ts';
import { agent, stages } from './runtimes.ts';
import { eventually, type Session } from './support.ts';

/** Pids on this machine, in containers too, whose command line holds the marker. */
function alive(marker: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(marker);
      } catch {
        return false; // it ended meanwhile
      }
    });
}

/** What agents do that outlive their parents elsewhere. `M` is the marker that their children carry. */
const children: Record<string, string> = {
  'ignore SIGTERM': `trap "" TERM; while true; do sleep 0.1; : M; done`,
  'double-fork': `(sh -c "while true; do sleep 0.1; : M; done" &); trap "exit 0" TERM; while true; do sleep 0.1; done`,
  'call setsid': `setsid sh -c "trap '' TERM; while true; do sleep 0.1; : M; done" & trap "exit 0" TERM; while true; do sleep 0.1; done`,
  'ignore SIGTERM in a session of their own': `setsid sh -c "trap '' TERM; (while true; do sleep 0.1; : M; done) & while true; do sleep 0.1; : M; done" & trap "" TERM; while true; do sleep 0.1; : M; done`,
};

describe.skipIf(process.platform !== 'linux').each(await stages())('children on $name', (stage) => {
  let session: Session;
  beforeAll(async () => {
    session = await stage.open();
  });
  afterAll(() => session.end());

  const spec = '  policy: { stop: { gracePeriod: 300ms } }';
  const up = async (name: string, marker: string): Promise<void> => {
    await session.ok(`wait agent/${name} --for=condition=Ready --timeout=90s`);
    await eventually(
      () => alive(marker),
      (pids) => pids.length > 0,
    );
  };

  test.each(Object.entries(children))(
    'that %s are gone after a stop and after a delete',
    async (_, program) => {
      const name = `parent-${Math.abs(hash(program))}`;
      const marker = `marker-${stage.name}-${name}`;
      await session.apply(agent(stage, { name, run: program.replaceAll('M', marker), spec }));
      await up(name, marker);
      await session.ok(`suspend agent/${name}`);
      await eventually(
        () => session.json<Instance>(`get instance ${name}-0`),
        ({ status }) => status?.phase === 'Stopped',
      );
      await eventually(
        () => alive(marker),
        (pids) => pids.length === 0,
        2_000,
      );
      await session.ok(`resume agent/${name}`);
      await up(name, marker);
      await session.ok(`delete agent ${name}`);
      await eventually(
        () => alive(marker),
        (pids) => pids.length === 0,
        2_000,
      );
    },
  );
});

function hash(text: string): number {
  let value = 0;
  for (const newMessage of text) value = (Math.imul(value, 31) + (newMessage.codePointAt(0) ?? 0)) | 0;
  return value;
}

import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Session } from '../../scenarios/support.ts';
import { manifestOf } from '../agents.ts';
import { discard } from '../discard.ts';
import { type Measurement, median, type Row, repeated, residentOf, timed, until } from '../measure.ts';
import { bareLoop, marking } from './loop.ts';
import { openPm2 } from './pm2.ts';

const counts = [50, 400, 1000] as const;
const rounds = 3;
const stopped = 500;
/** Default of `minReady`, which is waited for on purpose. */
const minReady = 1000;
/** As long as the controller takes to see that nothing happens any more, and to give memory back. */
const settle = 15_000;

interface Round {
  start: number;
  end: number;
}

interface Rounds {
  ours: Round[];
  bare: Round[];
  pm2: Round[];
}

/** Process agents until all are Ready and until all are deleted, by turns with a bare loop of `setsid` and with pm2. */
export async function starts(): Promise<Row[]> {
  await using pm2 = await openPm2();
  const session = new Session({ DOCKER_HOST: 'unix:///nowhere' });
  try {
    await startAndDelete(session, 10); // the controller is up, and its code compiled
    await pause(settle);
    const before = residentOf(await session.controllerPid());
    const all = new Map<number, Rounds>();
    let after = 0;
    for (const count of counts) {
      const found: Rounds = { ours: [], bare: [], pm2: [] };
      for (let round = 0; round < rounds; round += 1) {
        found.bare.push(await bareLoop(session.folder, count));
        found.ours.push(await startAndDelete(session, count));
        if (pm2 !== undefined) found.pm2.push(await pm2.startAndDelete(count));
        if (count === 400 && round === 0) {
          await pause(settle);
          after = residentOf(await session.controllerPid());
        }
      }
      all.set(count, found);
    }
    return [
      ...[...all].flatMap(([count, found]) => rowsOf(count, found)),
      ...growth(all),
      {
        name: 'memory of the controller after 400 starts and deletions',
        unit: 'MB',
        samples: [after],
        reference: { name: 'before', samples: [before] },
        aim: { times: 1.2 },
      },
      await stop(),
    ];
  } finally {
    await session.end();
  }
}

const starting = (rounds: readonly Round[]): number[] => rounds.map(({ start }) => start);
const ending = (rounds: readonly Round[]): number[] => rounds.map(({ end }) => end);

function rowsOf(count: number, { ours, bare, pm2 }: Rounds): Row[] {
  const [start, end] = [`start of ${count} processes until Ready`, `deletion of ${count} processes`];
  const [started, ended] = [
    { name: start, unit: 'ms', samples: starting(ours) },
    { name: end, unit: 'ms', samples: ending(ours) },
  ] as const;
  const missing = 'npm cannot install pm2';
  return [
    {
      ...started,
      reference: { name: 'loop of setsid', samples: starting(bare) },
      // Of few, most is the start of the command line.
      ...(count < 100 ? {} : { aim: { times: 3, plus: minReady } }),
    },
    pm2.length === 0
      ? { name: start, why: missing }
      : { ...started, reference: { name: 'pm2', samples: starting(pm2) }, aim: { times: 1, plus: minReady } },
    { ...ended, reference: { name: 'their start', samples: starting(ours) }, aim: { times: 1 } },
    pm2.length === 0
      ? { name: end, why: missing }
      : { ...ended, reference: { name: 'pm2', samples: ending(pm2) }, aim: { times: 1 } },
    { ...ended, reference: { name: 'kill of a loop', samples: ending(bare) } },
  ];
}

/** What one more costs where there are many, beside where there are few. */
function growth(all: ReadonlyMap<number, Rounds>): Measurement[] {
  const [few, some, many] = counts;
  const each = (of: (rounds: readonly Round[]) => number[], from: number, to: number): number[] => {
    const base = median(of(all.get(from)?.ours ?? []));
    return of(all.get(to)?.ours ?? []).map((took) => (took - base) / (to - from));
  };
  const kinds = [
    ['start', starting],
    ['deletion', ending],
  ] as const;
  return kinds.map(([what, of]) => ({
    name: `${what} of one more process, ${some} to ${many}`,
    unit: 'ms',
    samples: each(of, some, many),
    reference: { name: `${few} to ${some}`, samples: each(of, few, some) },
    aim: { times: 1.25 },
  }));
}

/** Until all are Ready, and until nothing of them is left. */
async function startAndDelete(session: Session, count: number): Promise<Round> {
  const start = await startOf(session, count);
  return { start, end: await timed(() => session.ok('delete agents --all --timeout=10m')) };
}

async function startOf(session: Session, count: number): Promise<number> {
  const marks = join(session.folder, 'marks');
  writeFileSync(marks, '');
  const template = `    command: [sh, -c, ${JSON.stringify(marking(marks))}]`;
  const file = session.file('agents.yaml', manifestOf(count, { minReady: `${minReady}ms`, template }));
  return await timed(async () => {
    await session.ok(`apply -f ${file} --wait --timeout=10m`);
    await until(() => statSync(marks).size >= count);
  });
}

/** `controller stop --agents`, by turns with the start of the same agents. */
async function stop(): Promise<Measurement> {
  const found = await repeated(rounds, async () => {
    const session = new Session({ DOCKER_HOST: 'unix:///nowhere' });
    await session.ok('controller start');
    const start = await startOf(session, stopped);
    const end = await timed(() => session.ok('controller stop --agents --timeout=10m'));
    await discard(session);
    return { start, end };
  });
  return {
    name: `controller stop --agents of ${stopped}`,
    unit: 'ms',
    samples: ending(found),
    reference: { name: 'their start', samples: starting(found) },
    aim: { times: 1 },
  };
}

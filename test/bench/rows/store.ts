import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../../src/platform/log.ts';
import { openStore } from '../../../src/store/sqlite.ts';
import { type Measurement, repeated } from '../measure.ts';
import { syncedFile } from '../synced.ts';

const value = 'x'.repeat(2000);

/** Durable writes a second: each waited for, and a hundred at a time; by turns with a file that is written and synced. */
export async function store(): Promise<Measurement[]> {
  const folder = mkdtempSync(join(tmpdir(), 'agentctl-bench-'));
  const opened = openStore(join(folder, 'store.db'), { log: silentLog });
  using file = syncedFile();
  let count = 0;
  const put = (): Promise<number> => {
    count += 1;
    return opened.put(`/bench/${count}`, value, 0);
  };
  const write = async (together: number): Promise<void> =>
    file.write(...Array.from({ length: together }, () => value));
  const rate = async (rounds: number, together: number, work: () => Promise<unknown>): Promise<number> => {
    const begun = performance.now();
    for (let round = 0; round < rounds; round += 1) await work();
    return (rounds * together * 1000) / (performance.now() - begun);
  };
  const row = async (name: string, rounds: number, together: number, share: number): Promise<Measurement> => {
    const pairs = await repeated(5, async () => ({
      puts: await rate(rounds, together, () => Promise.all(Array.from({ length: together }, put))),
      writes: await rate(rounds, together, () => write(together)),
    }));
    return {
      name,
      unit: '/s',
      samples: pairs.map(({ puts }) => puts),
      reference: { name: 'a file, synced', samples: pairs.map(({ writes }) => writes) },
      aim: { share },
    };
  };
  try {
    return [
      await row('durable writes, one after the other', 200, 1, 0.5),
      await row('durable writes, 100 at a time', 20, 100, 0.2),
    ];
  } finally {
    await opened.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../../src/platform/log.ts';
import { openStore } from '../../../src/store/sqlite.ts';
import { type Measurement, repeated } from '../measure.ts';

const value = 'x'.repeat(2000);

/** Durable writes a second: each waited for, and a hundred at a time. */
export async function store(): Promise<Measurement[]> {
  const folder = mkdtempSync(join(tmpdir(), 'agentctl-bench-'));
  const opened = openStore(join(folder, 'store.db'), { log: silentLog });
  let count = 0;
  const put = (): Promise<number> => {
    count += 1;
    return opened.put(`/bench/${count}`, value, 0);
  };
  const rate = async (rounds: number, together: number): Promise<number> => {
    const begun = performance.now();
    for (let round = 0; round < rounds; round += 1) await Promise.all(Array.from({ length: together }, put));
    return (rounds * together * 1000) / (performance.now() - begun);
  };
  try {
    const alone = await repeated(5, () => rate(200, 1));
    const batched = await repeated(5, () => rate(20, 100));
    return [
      { name: 'durable writes, one after the other', unit: '/s', samples: alone },
      { name: 'durable writes, 100 at a time', unit: '/s', samples: batched },
    ];
  } finally {
    await opened.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

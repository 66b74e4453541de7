/** `make bench`: one table. `node test/bench/main.ts get planner` measures only the rows that are named. */
import { availableParallelism, loadavg } from 'node:os';
import type { Row } from './measure.ts';
import { compose } from './rows/compose.ts';
import { docker } from './rows/docker.ts';
import { floodRows } from './rows/floods.ts';
import { get } from './rows/get.ts';
import { manifests } from './rows/manifests.ts';
import { planner } from './rows/planner.ts';
import { rest } from './rows/rest.ts';
import { restarts } from './rows/restarts.ts';
import { server } from './rows/server.ts';
import { starts } from './rows/starts.ts';
import { store } from './rows/store.ts';
import { syncPush } from './rows/sync-push.ts';
import { syncSet } from './rows/sync-set.ts';
import { talk } from './rows/talk.ts';
import { unchanged } from './rows/unchanged.ts';
import { wake } from './rows/wake.ts';
import { formatTable } from './table.ts';

const all: Record<string, () => Promise<Row[]>> = {
  docker,
  compose,
  starts,
  unchanged,
  restarts,
  rest,
  floods: floodRows,
  get,
  manifests,
  planner,
  server,
  store,
  'sync-push': syncPush,
  'sync-set': syncSet,
  talk,
  wake,
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => all[name] === undefined);
if (unknown.length > 0) {
  console.error(`error: no row ${unknown.join(', ')}; there are ${Object.keys(all).join(', ')}`);
  process.exit(2);
}
const rows: Row[] = [];
for (const [name, measure] of Object.entries(all)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  process.stderr.write(`${name} ...\n`);
  rows.push(...(await measure()));
}
const load = loadavg()[0]?.toFixed(1);
process.stdout.write(
  `\nNode ${process.version}, ${availableParallelism()} processors, load ${load}\n\n${formatTable(rows)}`,
);
// Connections to an engine are kept open for the next call.
process.exit();

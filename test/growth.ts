/**
 * How the cost of work grows with its size: 1 where twice the size costs twice as much, 2 where it costs four times. It
 * compares processor time of this thread, the least of some turns of each, so that other work on the machine changes
 * nothing. Take sizes that are far apart, of which the small one costs a millisecond or more.
 */
export async function growthOf(
  work: (size: number) => unknown,
  [small, large]: readonly [number, number],
): Promise<number> {
  let [little, much] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let turn = 0; turn < 3; turn += 1) {
    little = Math.min(little, await processorTime(() => work(small)));
    much = Math.min(much, await processorTime(() => work(large)));
  }
  return Math.log(much / little) / Math.log(large / small);
}

/** Microseconds. */
async function processorTime(work: () => unknown): Promise<number> {
  const before = process.threadCpuUsage();
  await work();
  const { user, system } = process.threadCpuUsage(before);
  return Math.max(1, user + system);
}

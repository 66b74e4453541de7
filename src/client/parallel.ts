import pMap from 'p-map';

/**
 * Runs `work` on all items, at most `limit` at once. Returns the results in the order of the items, including
 * rejections.
 */
export const parallel = <T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<PromiseSettledResult<R>[]> =>
  pMap(
    items,
    async (item, index): Promise<PromiseSettledResult<R>> => {
      try {
        return { status: 'fulfilled', value: await work(item, index) };
      } catch (reason) {
        return { status: 'rejected', reason };
      }
    },
    { concurrency: limit },
  );

/** Joins streams into one. What is there already comes by time; with `live` each entry comes as it arrives. */
export async function* mergeByTime<T extends { at?: number | undefined }>(
  streams: readonly AsyncIterable<T>[],
  live: boolean,
): AsyncGenerator<T> {
  const iterators = streams.map((stream) => stream[Symbol.asyncIterator]());
  const next = (index: number): Promise<{ index: number; result: IteratorResult<T> }> | undefined =>
    iterators[index]?.next().then((result) => ({ index, result }));
  const heads = new Map(iterators.map((_, index) => [index, next(index)]));
  while (heads.size > 0) {
    const { index, result } = live ? await first(heads) : await earliest(heads);
    if (result.done === true) heads.delete(index);
    else {
      heads.set(index, next(index));
      yield result.value;
    }
  }
}

type Head<T> = { index: number; result: IteratorResult<T> };
type Heads<T> = ReadonlyMap<number, Promise<Head<T>> | undefined>;

const present = <T>(heads: Heads<T>): Promise<Head<T>>[] =>
  [...heads.values()].filter((head) => head !== undefined);

const first = <T>(heads: Heads<T>): Promise<Head<T>> => Promise.race(present(heads));

async function earliest<T extends { at?: number | undefined }>(heads: Heads<T>): Promise<Head<T>> {
  const all = await Promise.all(present(heads));
  const time = ({ result }: Head<T>): number => (result.done === true ? -1 : (result.value.at ?? 0));
  return all.reduce((least, head) => (time(head) < time(least) ? head : least));
}

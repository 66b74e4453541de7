/** Waits until the answer is neither undefined nor false. The time is that of a machine with much other work, not a promise. */
export async function until<T>(ask: () => T | undefined | false): Promise<T> {
  const end = performance.now() + 30_000;
  for (;;) {
    const answer = ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > end) throw new Error(`not within 30 s: ${ask}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

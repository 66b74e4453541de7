/**
 * One question for many who ask at the same time. Who asks while it is under way shares the next one with all others
 * that do, so each answer is of a question that was put after the call.
 */
export function shared<T>(question: () => Promise<T>): () => Promise<T> {
  let running: Promise<unknown> = Promise.resolve();
  let next: Promise<T> | undefined;

  const put = (): Promise<T> => {
    next = undefined;
    const answer = question();
    // Its failure is told to those that share it.
    running = answer.catch(() => undefined);
    return answer;
  };

  return () => {
    next ??= running.then(put);
    return next;
  };
}

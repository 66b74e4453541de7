/**
 * Shares one request among concurrent callers. Callers during a running request share the next one, so each answer is
 * of a request that began after the call.
 */
export function shared<T>(question: () => Promise<T>): () => Promise<T> {
  let running: Promise<unknown> = Promise.resolve();
  let next: Promise<T> | undefined;

  const put = (): Promise<T> => {
    next = undefined;
    const answer = question();
    // The callers that share the request get its error.
    running = answer.catch(() => undefined);
    return answer;
  };

  return () => {
    next ??= running.then(put);
    return next;
  };
}

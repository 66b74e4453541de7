import { UnreachableError } from '../api/errors.ts';
import type { Clock } from '../platform/clock.ts';

/** The same parts, whose single answers fail with UnreachableError when they take longer. Streams are not bounded. */
export function withTimeout<T extends object>(target: T, milliseconds: number, clock: Clock): T {
  return new Proxy(target, {
    get(object, name, receiver) {
      const member: unknown = Reflect.get(object, name, receiver);
      if (typeof member === 'object' && member !== null) return withTimeout(member, milliseconds, clock);
      if (typeof member !== 'function') return member;
      return (...words: unknown[]) => {
        const answer: unknown = Reflect.apply(member, object, words);
        return answer instanceof Promise ? bounded(answer, milliseconds, clock) : answer;
      };
    },
  });
}

function bounded(answer: Promise<unknown>, milliseconds: number, clock: Clock): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(milliseconds, () => {
      reject(
        new UnreachableError(
          `the controller did not answer within ${milliseconds / 1000}s (--request-timeout)`,
        ),
      );
    });
    answer.then(resolve, reject).finally(cancel);
  });
}

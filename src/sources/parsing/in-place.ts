import { SourceError } from '../source.ts';
import { answer, type Job, type JobAnswer } from './jobs.ts';
import type { Parser } from './parser.ts';

/** A Parser in the caller's own thread, without limits: for the user's own files, and for tests. */
export const inPlace: Parser = {
  parse: async (files) => ({ read: done({ type: 'parse', files }), took: 0 }),
  locate: async (file, fields) => ({ places: done({ type: 'locate', file, fields }), took: 0 }),
  async seal(root, path) {
    const { refused } = done({ type: 'seal', root, path });
    if (refused !== undefined) throw new SourceError(refused.reason, refused.message);
  },
  value: async (text) => done({ type: 'value', text }),
  async close() {},
};

/** Cloned, as if it came from a thread. */
const done = <J extends Job>(job: J): JobAnswer<J> => structuredClone(answer(job)) as JobAnswer<J>; // of its type

/** A thread that does to its jobs what hostile input could make a parser do. */
import { parentPort } from 'node:worker_threads';
import { answerJobs } from '../../src/platform/thread.ts';

if (parentPort === null) throw new Error('this file only runs in a worker thread');
answerJobs(parentPort, (job) => {
  const held: unknown[] = [];
  switch (job) {
    case 'loop':
      for (;;) Math.sqrt(2);
    case 'allocate':
      for (;;) held.push(new Array(10_000).fill(held.length));
    case 'exit':
      return process.exit(3);
    case 'throw':
      throw new Error('this job fails');
    default:
      return `${job} is done`;
  }
});

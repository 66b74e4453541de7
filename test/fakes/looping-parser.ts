/** The thread of a parser that never gets to the end of a file with the word `loop` in it. */
import { parentPort } from 'node:worker_threads';
import { answerJobs } from '../../src/platform/thread.ts';
import { answer, type Job } from '../../src/sources/parsing/parser.ts';

if (parentPort === null) throw new Error('this file only runs in a worker thread');
answerJobs(parentPort, (given) => {
  const job = given as Job; // parser-thread.ts sends nothing else
  const loops = (): boolean =>
    job.type === 'parse' && job.files.some(({ bytes }) => Buffer.from(bytes).includes('loop'));
  // It works at each turn, as a parser would: V8 may compile an empty loop without an exit to a trap of the process.
  while (loops());
  return answer(job);
});

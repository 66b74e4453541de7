/** The entry point of a Parser's thread. */
import { parentPort } from 'node:worker_threads';
import { answerJobs } from '../../platform/thread.ts';
import { answer, type Job } from './parser.ts';

if (parentPort === null) throw new Error('this file only runs in a worker thread');
answerJobs(parentPort, (job) => answer(job as Job)); // parser-thread.ts sends nothing else

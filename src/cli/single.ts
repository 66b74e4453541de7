/** The entry point of the single executable: everything is in one file, and nothing is cached on disk. */

import { collect } from '../daemon/collector-process.ts';
import { collectWord } from '../daemon/own-program.ts';
import { main } from './cli-process.ts';

void (process.argv[2] === collectWord ? collect(process.argv.slice(3)) : main());

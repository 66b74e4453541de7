/** Where the single executable begins: all is in one file there, and nothing is cached on disk. */
import { main } from './process.ts';

void main();

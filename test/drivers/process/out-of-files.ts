import { closeSync, openSync } from 'node:fs';
import { living, readStat } from '../../../src/drivers/proc.ts';

// Uses up all descriptors that it may have, and asks for a process that lives: itself.
const self = readStat(process.pid);
if (self === undefined) throw new Error('no stat of this process');
const before = living(self) !== undefined;
const files: number[] = [];
try {
  for (;;) files.push(openSync('/dev/null', 'r'));
} catch {
  // That is the limit.
}
let atTheLimit = 'an answer';
try {
  living(self);
} catch (error) {
  atTheLimit = error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
for (const file of files) closeSync(file);
const after = living(self) !== undefined;
const gone = living({ ...self, start: self.start - 1 }) === undefined;
process.stdout.write(JSON.stringify({ atTheLimit, before, after, gone }));

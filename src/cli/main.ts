#!/usr/bin/env node
import { collectWord } from '../daemon/own-program.ts';
import { cacheCode } from './compile-cache.ts';

cacheCode(process.env);
if (process.argv[2] === collectWord) {
  const { collect } = await import('../daemon/collector-process.ts');
  await collect(process.argv.slice(3));
} else {
  const { main } = await import('./cli-process.ts');
  await main();
}

#!/usr/bin/env node
import { cacheCode } from './compile-cache.ts';

cacheCode(process.env);
const { main } = await import('./process.ts');
await main();

import { jsonl } from './jsonl.ts';
import type { Protocol } from './protocol.ts';

/** By `Agent.spec.protocol`; `none` has no lines. */
export const protocols: Partial<Record<Protocol['name'], Protocol>> = { jsonl };

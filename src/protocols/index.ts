import { acp } from './acp.ts';
import { jsonl } from './jsonl.ts';
import type { Protocol } from './protocol.ts';

/** By `Agent.spec.protocol`. `none` has no lines. */
export const protocols: Readonly<Record<Protocol['name'], Protocol>> = { acp, jsonl };

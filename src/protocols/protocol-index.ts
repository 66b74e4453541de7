import type { ProtocolName } from '../api/protocols.ts';
import { acp } from './acp.ts';
import { jsonl } from './jsonl.ts';
import type { Protocol } from './protocol.ts';

/** By `Agent.spec.protocol`. `none` has no lines. */
export const protocols: Readonly<Record<ProtocolName, Protocol>> = { acp, jsonl };

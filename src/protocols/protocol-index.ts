import { type ProtocolName, protocolCapabilities } from '../api/protocols.ts';
import { AcpConnection } from './acp/acp-connection.ts';
import { createTranscript } from './acp/transcript.ts';
import { Connected } from './jsonl/jsonl-connection.ts';
import type { Protocol } from './protocol.ts';

/**
 * The Agent Client Protocol, version 1: JSON-RPC 2.0, one message per line. What must be handled line by line (updates,
 * ends of turns, permissions) is parsed here. Requests that open sessions use the official SDK.
 */
export const acp: Protocol = {
  name: 'acp',
  capabilities: protocolCapabilities.acp,
  transcript: createTranscript,
  connect: (wire, host, options) => new AcpConnection(wire, host, options),
};

/** agentctl's own line protocol. schemas/jsonl/README.md describes it. */
export const jsonl: Protocol = {
  name: 'jsonl',
  capabilities: protocolCapabilities.jsonl,
  connect: (wire, host, options) => new Connected(wire, host, options),
};

/** By `Agent.spec.protocol`. `none` has no lines. */
export const protocols: Readonly<Record<ProtocolName, Protocol>> = { acp, jsonl };

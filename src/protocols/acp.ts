import { protocolCapabilities } from '../api/protocols.ts';
import { AcpConnection } from './acp/acp-connection.ts';
import { createTranscript } from './acp/updates.ts';
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

import { protocolCapabilities } from '../api/protocols.ts';
import { Connected } from './jsonl/jsonl-connection.ts';
import type { Protocol } from './protocol.ts';

/** agentctl's own line protocol. schemas/jsonl/README.md describes it. */
export const jsonl: Protocol = {
  name: 'jsonl',
  capabilities: protocolCapabilities.jsonl,
  connect: (wire, host, options) => new Connected(wire, host, options),
};

import { Connected } from './jsonl/connection.ts';
import type { Protocol } from './protocol.ts';

/** agentctl's own line protocol. schemas/jsonl/README.md describes it. */
export const jsonl: Protocol = {
  name: 'jsonl',
  onInterrupted: 'Retry',
  asksPermission: false,
  trailing: 0,
  connect: (wire, host, options) => new Connected(wire, host, options),
};

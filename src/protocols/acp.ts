import { AcpConnection } from './acp/connection.ts';
import type { Protocol } from './protocol.ts';

/**
 * The Agent Client Protocol, version 1: JSON-RPC 2.0, one message a line. What must be taken in line by line (updates,
 * the ends of turns, permissions) is read here; the requests that open sessions go through the official SDK.
 */
export const acp: Protocol = {
  name: 'acp',
  onInterrupted: 'Resume',
  asksPermission: true,
  trailing: 150,
  connect: (wire, host, options) => new AcpConnection(wire, host, options),
};

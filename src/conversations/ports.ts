import type { Agent } from '../api/objects.ts';
import type { Informer } from '../client/informer.ts';
import type { Driver } from '../drivers/driver.ts';
import type { McpAccess } from '../protocols/protocol.ts';

/** The objects that conversations are about, as the controller sees them. */
export interface Caches {
  readonly agents: Informer<'Agent'>;
  readonly instances: Informer<'Instance'>;
  readonly runtimes: Informer<'Runtime'>;
}

/** An Instance that asks for the fleet. */
export interface Asking {
  name: string;
  uid: string;
  runtime: string;
}

/** Where an instance finds the controller's tools, or why it cannot use them. */
export type ToolsOffer = McpAccess | { unavailable: string };

/** Offers the controller's tools to runs. */
export interface Tools {
  offer(run: { uid: string; run: number }, agent: Agent, driver: Driver): Promise<ToolsOffer>;
  close(): Promise<void>;
}

/** The run that a link belongs to. */
export interface LinkTarget {
  namespace: string;
  agent: string;
  instance: string;
  uid: string;
  ordinal: number;
  run: number;
  startId: string;
  ref: string;
  /** Name of the Runtime. */
  runtime: string;
}

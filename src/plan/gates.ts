import { sentence } from '../api/sentence.ts';
import { shortTime } from './instant.ts';
import type { Gate, World } from './world.ts';

/** A gate that is held now. */
export type HeldGate = Gate & { state: 'Held' };

const isHeld = (gate: Gate, now: number): gate is HeldGate =>
  gate.state === 'Held' && (gate.until === undefined || gate.until > now);

/**
 * Returns the gate that holds the Agent, of several the one that opens last; undefined if all are open. While one is
 * held, no instance starts or wakes, and none gets a message. What runs keeps running.
 */
export function heldGate({ gates, now }: Pick<World, 'gates' | 'now'>): HeldGate | undefined {
  let last: HeldGate | undefined;
  for (const gate of gates)
    if (isHeld(gate, now) && (last === undefined || end(gate) > end(last))) last = gate;
  return last;
}

const end = ({ until = Number.POSITIVE_INFINITY }: Gate): number => until;

export function gateText({ name, until, message }: Gate): string {
  return `The gate ${name} is held${until === undefined ? '' : ` until ${shortTime(until)}`}: ${sentence(message)}`;
}

import type { Revision } from '../api/objects.ts';
import { missingInputs, type Refusal, refusal } from './accept.ts';
import { type RevisionStep, revisionStep } from './revision.ts';
import { defaultSettings, type Settings, settingsOf, type Timing, timingOf } from './settings.ts';
import { type HeldGate, heldGate, type World } from './world.ts';

/** What all Instances of one World share. */
export interface Context {
  readonly world: World;
  readonly settings: Settings;
  readonly timing: Timing;
  /** Why nothing may be started. What runs keeps running. */
  readonly refusal: Refusal | undefined;
  /** The missing Secrets, ConfigMaps and keys. */
  readonly missing: Refusal | undefined;
  /** The gate that holds starts, wakes and messages. What runs keeps running. */
  readonly gate: HeldGate | undefined;
  readonly revision: RevisionStep;
  readonly revisions: ReadonlyMap<string, Revision>;
  /** The name of the Runtime to run on; undefined if it does not exist. */
  readonly runtime: string | undefined;
  readonly deleting: boolean;
}

export function contextOf(world: World): Context {
  const { agent, policy, runtime } = world;
  const settings = 'missing' in policy ? defaultSettings : settingsOf(policy);
  const revisions = new Map<string, Revision>();
  for (const revision of world.revisions) revisions.set(revision.metadata.name, revision);
  return {
    world,
    settings,
    timing: timingOf(agent.spec),
    refusal: refusal(world),
    missing: missingInputs(world),
    gate: heldGate(world),
    revision: revisionStep(world, settings),
    revisions,
    runtime: 'missing' in runtime ? undefined : runtime.object.metadata.name,
    deleting: agent.metadata.deletionTimestamp !== undefined,
  };
}

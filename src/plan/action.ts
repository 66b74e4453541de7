import type { AgentSpec, AgentStatus, Instance, InstanceStatus, New, Revision } from '../api/objects.ts';
import type { Instant } from './world.ts';

/** What to do next, and what to write, for one Agent. */
export interface Plan {
  actions: readonly Action[];
  /** One for every Instance of the World, and for each that `actions` creates. */
  verdicts: readonly Verdict[];
  /** The next status by Instance name. Written by compare and swap before any action of that Instance is carried out. */
  instances: ReadonlyMap<string, InstanceStatus>;
  status: AgentStatus;
  events: readonly PlannedEvent[];
  /** The fields in which what is recorded or runs differs from the spec; for people. */
  drift: readonly FieldDrift[];
  /** Instances that would start now if they had a place. */
  wants: readonly Want[];
  /** The next instant at which the answer could change by time alone; later than `now`. */
  wakeAt?: Instant | undefined;
}

/** One field in which an Agent's spec differs from a Revision. */
export interface FieldDrift {
  /** As in `spec.template.image`. */
  field: string;
  /** undefined where it is absent. */
  before: unknown;
  after: unknown;
  /** What the change does to a running instance. */
  update: 'live' | 'restart' | 'firstStart';
}

export interface Verdict {
  instance: string;
  phase: NonNullable<InstanceStatus['phase']>;
  reason: string;
  message: string;
}

interface Step {
  /** Unique in its plan; made of type and target, so the same for the same World. */
  id: string;
  /** Ids of the actions that must have succeeded before. */
  after: readonly string[];
  /** Why: the Event's reason. */
  cause: string;
  message: string;
}

export type Action = Step &
  (
    | { type: 'CreateRevision'; revision: New<Revision> }
    | { type: 'DeleteRevision'; name: string }
    | { type: 'CreateInstance'; name: string; instance: New<Instance> }
    /** The object alone; its container is gone by then. */
    | { type: 'DeleteInstance'; name: string }
    /** Changes Instance.spec.runtimeRef, once nothing of it is left on the old Runtime. */
    | { type: 'MoveInstance'; name: string; runtime: string }
    /** Carries out the run that the Instance's status claims. Create removes a container of that name that is ours first. */
    | {
        type: 'Start';
        name: string;
        uid: string;
        run: number;
        revision: string;
        how: 'Create' | 'Restart';
        ref?: string | undefined;
        /** Tries a run again, after a wait, that lacked something. */
        again?: true | undefined;
      }
    /** Sends one of the Agent's own prompts; `schedule` is absent for spec.prompt. Asked for again, nothing is sent twice. */
    | {
        type: 'SendPrompt';
        schedule?: string | undefined;
        dueAt: Instant;
        text: string;
        conversation: 'New' | 'Same';
      }
    /** Notes that a due prompt is not sent. */
    | { type: 'SkipPrompt'; schedule: string; dueAt: Instant }
    /** By the protocol's own message. */
    | { type: 'Shutdown'; name: string; uid: string; run: number; ref: string }
    | {
        type: 'Signal';
        name: string;
        uid: string;
        run: number;
        ref: string;
        signal: string | undefined;
        scope: 'Main' | 'Group';
      }
    /** SIGKILL to all its processes. */
    | { type: 'Kill'; name: string; uid: string; run: number; ref: string }
    /** Removes the stopped container or the folder of the process. Volumes stay, unless `volumes`. */
    | { type: 'Remove'; name: string; uid: string; ref: string; volumes: boolean }
    /** Writes the spec of an earlier Revision back to the Agent. */
    | { type: 'Revert'; revision: string; spec: AgentSpec; annotations: Record<string, string> }
    /** Puts our finalizer (src/plan/agent.ts) on the Agent, before anything of it exists. */
    | { type: 'Adopt' }
    /** Takes our finalizer off the Agent: nothing of it is left. */
    | { type: 'Release' }
  );

export type ActionType = Action['type'];

/** Result of an action, kept in Instance.status.lastOutcome. */
export type Outcome =
  | { result: 'Succeeded' }
  | {
      result: 'Retryable' | 'Terminal' | 'NotStartable';
      reason: string;
      message: string;
      fingerprint?: string | undefined;
      /** A start that lacks something is not tried again before. */
      retryAt?: Instant | undefined;
    };

export interface PlannedEvent {
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
  /** The Instance that it is about; absent: the Agent. */
  instance?: string | undefined;
}

export interface Want {
  uid: string;
  instance: string;
  namespace: string;
  runtime: string;
  priority: number;
  /** Since when it waits. */
  since: Instant;
}

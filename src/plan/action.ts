import type { AgentSpec, AgentStatus, Instance, InstanceStatus, New, Revision } from '../api/objects.ts';
import type { Instant } from './times.ts';

/** What to do next for one Agent, and what to write. */
export interface Plan {
  actions: readonly Action[];
  /** One for each Instance of the World, and one for each Instance that `actions` creates. */
  verdicts: readonly Verdict[];
  /**
   * The next status by Instance name. It is written with compare-and-swap before any action of the Instance is
   * executed.
   */
  instances: ReadonlyMap<string, InstanceStatus>;
  status: AgentStatus;
  events: readonly PlannedEvent[];
  /** The fields in which the recorded or the running spec differs from the Agent's spec. For people. */
  drift: readonly FieldDrift[];
  /** Instances that would start now if their Runtime had a free place. */
  wants: readonly Want[];
  /** The next instant at which the plan could change by time alone. Always later than `now`. */
  wakeAt?: Instant | undefined;
}

/** One field in which an Agent's spec differs from a Revision. */
export interface FieldDrift {
  /** For example `spec.template.image`. */
  field: string;
  /** undefined if the field is absent. */
  before: unknown;
  after: unknown;
  /** What the change does to a running instance; see `x-agentctl-update` in the schema. */
  update: 'live' | 'restart' | 'firstStart';
}

export interface Verdict {
  instance: string;
  phase: NonNullable<InstanceStatus['phase']>;
  reason: string;
  message: string;
}

interface Step {
  /** Unique in its plan. Built from type and target, so the same World gives the same id. */
  id: string;
  /** Ids of the actions that must succeed first. */
  after: readonly string[];
  /** The reason of the Event. */
  cause: string;
  message: string;
}

export type Action = Step &
  (
    | { type: 'CreateRevision'; revision: New<Revision> }
    | { type: 'DeleteRevision'; name: string }
    | { type: 'CreateInstance'; name: string; instance: New<Instance> }
    /** Deletes only the object. Its container has been removed before. */
    | { type: 'DeleteInstance'; name: string }
    /** Changes Instance.spec.runtimeRef. Planned only when the old Runtime has nothing left of the Instance. */
    | { type: 'MoveInstance'; name: string; runtime: string }
    /**
     * Starts the run that the Instance's status claims. Create first removes our container of that name, if there is
     * one. Replace removes `ref`, which cannot be started again, and creates anew.
     */
    | {
        type: 'Start';
        name: string;
        uid: string;
        run: number;
        revision: string;
        how: 'Create' | 'Restart' | 'Replace';
        ref?: string | undefined;
        /** A retry of a run that could not start because something was missing. */
        again?: true | undefined;
      }
    /**
     * Sends one of the Agent's own prompts. `schedule` is absent for spec.prompt. Idempotent: a repeated action sends
     * nothing.
     */
    | {
        type: 'SendPrompt';
        schedule?: string | undefined;
        dueAt: Instant;
        text: string;
        conversation: 'New' | 'Same';
      }
    /** Records that a due prompt is not sent. */
    | { type: 'SkipPrompt'; schedule: string; dueAt: Instant }
    /** Asks the agent to stop with a message of its protocol. */
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
    /** Sends SIGKILL to all processes of the instance. */
    | { type: 'Kill'; name: string; uid: string; run: number; ref: string }
    /** Removes the stopped container or the folder of the process. Volumes are kept unless `volumes` is true. */
    | { type: 'Remove'; name: string; uid: string; ref: string; volumes: boolean }
    /** Writes the spec of an earlier Revision to the Agent. */
    | { type: 'Revert'; revision: string; spec: AgentSpec; annotations: Record<string, string> }
    /** Adds our finalizer (src/plan/reconcile.ts) to the Agent, before anything is created for it. */
    | { type: 'Adopt' }
    /** Removes our finalizer from the Agent, when nothing of it is left. */
    | { type: 'Release' }
  );

export type ActionType = Action['type'];

/** The result of an action, kept in Instance.status.lastOutcome. */
export type Outcome =
  | { result: 'Succeeded' }
  | {
      result: 'Retryable' | 'Terminal' | 'NotStartable';
      reason: string;
      message: string;
      fingerprint?: string | undefined;
      /** The earliest instant of the next try, if the start lacked something. */
      retryAt?: Instant | undefined;
    };

export interface PlannedEvent {
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
  /** The Instance that the Event is about. Absent: the Event is about the Agent. */
  instance?: string | undefined;
}

export interface Want {
  uid: string;
  instance: string;
  namespace: string;
  runtime: string;
  priority: number;
  /** Since when the Instance waits. */
  since: Instant;
}

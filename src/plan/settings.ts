import type { AgentSpec, PolicySpec } from '../api/objects.ts';
import { span } from './times.ts';

/** A PolicySpec with its durations in milliseconds. */
export interface Settings {
  mode: PolicySpec['mode'];
  keepalive: number;
  restart: { on: PolicySpec['restart']['on']; maxRestarts: number | undefined; window: number };
  backoff: { schedule: readonly number[]; jitter: number; resetAfter: number };
  schedule: Schedule | undefined;
  update: {
    strategy: PolicySpec['update']['strategy'];
    idleFor: number;
    forceAfter: number | undefined;
    maxUnavailable: number;
    progressDeadline: number;
    autoRevert: boolean;
  };
  restartOn: PolicySpec['restartOn'];
  stop: { gracePeriod: number; signal: string | undefined; signalScope: PolicySpec['stop']['signalScope'] };
  priority: number;
}

export interface Schedule {
  cron: string | undefined;
  timezone: string;
  every: number | undefined;
  whenIdleFor: number;
  forceAfter: number | undefined;
  jitter: number;
  catchUp: boolean;
  /** Identifies the schedule, to notice a change. */
  key: string;
}

export interface Timing {
  minReady: number;
  startDeadline: number;
}

/** The schema's defaults. Used for stops while the Policy is missing. */
export const defaultSettings: Settings = {
  mode: 'AlwaysOn',
  keepalive: 900_000,
  restart: { on: 'Always', maxRestarts: undefined, window: 600_000 },
  backoff: {
    schedule: [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000],
    jitter: 0.1,
    resetAfter: 300_000,
  },
  schedule: undefined,
  update: {
    strategy: 'Rolling',
    idleFor: 60_000,
    forceAfter: undefined,
    maxUnavailable: 1,
    progressDeadline: 600_000,
    autoRevert: false,
  },
  restartOn: [],
  stop: { gracePeriod: 10_000, signal: undefined, signalScope: 'Main' },
  priority: 0,
};

// Objects of the store are never changed in place, so a cached result stays valid.
const settings = new WeakMap<PolicySpec, Settings>();
const timings = new WeakMap<AgentSpec, Timing>();

export function settingsOf(policy: PolicySpec): Settings {
  let known = settings.get(policy);
  if (known === undefined) {
    known = read(policy);
    settings.set(policy, known);
  }
  return known;
}

export function timingOf(spec: AgentSpec): Timing {
  let known = timings.get(spec);
  if (known === undefined) {
    known = { minReady: span(spec.minReady, 1000), startDeadline: span(spec.startDeadline, 60_000) };
    timings.set(spec, known);
  }
  return known;
}

function read(policy: PolicySpec): Settings {
  const { restart, backoff, update, stop } = policy;
  const fallback = defaultSettings;
  const schedule = backoff.schedule.map((text) => span(text, 60_000));
  return {
    mode: policy.mode,
    keepalive: span(policy.onDemand.keepalive, fallback.keepalive),
    restart: {
      on: restart.on,
      maxRestarts: restart.maxRestarts,
      window: span(restart.window, fallback.restart.window),
    },
    backoff: {
      schedule: schedule.length === 0 ? fallback.backoff.schedule : schedule,
      jitter: backoff.jitter,
      resetAfter: span(backoff.resetAfter, fallback.backoff.resetAfter),
    },
    schedule: policy.scheduledRestart === undefined ? undefined : scheduleOf(policy.scheduledRestart),
    update: {
      strategy: update.strategy,
      idleFor: span(update.idleFor, fallback.update.idleFor),
      forceAfter: update.forceAfter === undefined ? undefined : span(update.forceAfter, 0),
      maxUnavailable: update.maxUnavailable,
      progressDeadline: span(update.progressDeadline, fallback.update.progressDeadline),
      autoRevert: update.autoRevert,
    },
    restartOn: policy.restartOn,
    stop: {
      gracePeriod: span(stop.gracePeriod, fallback.stop.gracePeriod),
      signal: stop.signal,
      signalScope: stop.signalScope ?? 'Main',
    },
    priority: policy.priority,
  };
}

function scheduleOf(schedule: NonNullable<PolicySpec['scheduledRestart']>): Schedule {
  const jitter = span(schedule.jitter, 0);
  const spread = jitter === 0 ? '' : ` jitter ${schedule.jitter}`;
  return {
    cron: schedule.cron,
    timezone: schedule.timezone,
    every: schedule.every === undefined ? undefined : Math.max(1000, span(schedule.every, 86_400_000)),
    whenIdleFor: span(schedule.whenIdleFor, 3_600_000),
    forceAfter: schedule.forceAfter === undefined ? undefined : span(schedule.forceAfter, 0),
    jitter,
    catchUp: schedule.catchUp,
    key:
      schedule.cron === undefined
        ? `every ${schedule.every}${spread}`
        : `${schedule.cron} ${schedule.timezone}${spread}`,
  };
}

import type { PolicySpec } from '../../api/objects.ts';
import { type Field, joined } from './fields.ts';

/** A policy in plain words. Without an image, the default signal is SIGTERM. */
export function policyFields(rules: PolicySpec, { hasImage }: { hasImage: boolean }): Field[] {
  const { restart, backoff, update, stop, ...policy } = rules;
  const defaultSignal = hasImage ? 'STOPSIGNAL of the image, or SIGTERM' : 'SIGTERM';
  return [
    [
      'Mode',
      policy.mode === 'OnDemand' ? `OnDemand, sleeps after ${policy.onDemand.keepalive} idle` : undefined,
    ],
    [
      'Restart',
      joined([
        { Always: 'after any exit', OnFailure: 'after a failure; exit 0 completes it', Never: 'never' }[
          restart.on
        ],
        restart.maxRestarts !== undefined &&
          `at most ${restart.maxRestarts} times in ${restart.window}, then Failed`,
      ]),
    ],
    [
      'Backoff',
      restart.on === 'Never'
        ? undefined
        : `${backoff.schedule.join(' ')}, up to ${Math.round(backoff.jitter * 100)}% more; forgotten after ${backoff.resetAfter} Ready`,
    ],
    ['Scheduled restart', scheduleText(policy.scheduledRestart)],
    [
      'Update',
      joined([
        {
          Rolling: 'Rolling, as soon as its turn ends',
          WhenIdle: `WhenIdle, after ${update.idleFor} idle`,
          OnDelete: 'OnDelete',
        }[update.strategy],
        update.maxUnavailable > 1 && `${update.maxUnavailable} at once`,
        update.forceAfter !== undefined && `by force after ${update.forceAfter}`,
        update.autoRevert && `goes back to the last good revision after ${update.progressDeadline}`,
      ]),
    ],
    ['Replaced on', policy.restartOn.length === 0 ? undefined : policy.restartOn.join(', ')],
    ['Stop', `${stop.signal ?? defaultSignal}, SIGKILL after ${stop.gracePeriod}`],
    ['Priority', policy.priority === 0 ? undefined : String(policy.priority)],
    [
      'Notify',
      policy.notify.length === 0
        ? undefined
        : policy.notify.map(({ name, reasons }) => `${name} of ${reasons.join(', ')}`),
    ],
  ];
}

function scheduleText(schedule: PolicySpec['scheduledRestart']): string | undefined {
  if (schedule === undefined) return undefined;
  const { cron, every, timezone, whenIdleFor, forceAfter, jitter, catchUp } = schedule;
  return joined([
    cron === undefined ? `at the age of ${every ?? '?'}` : `cron ${cron} (${timezone})`,
    `once idle for ${whenIdleFor}`,
    forceAfter !== undefined && `by force after ${forceAfter}`,
    jitter !== '0s' && `spread over ${jitter}`,
    !catchUp && 'missed ones are skipped',
  ]);
}

/** Worlds to begin in, and what can happen in them. */

import fc from 'fast-check';
import { type Capabilities, driverCapabilities } from '../../src/api/capabilities.ts';
import type { PolicySpec } from '../../src/api/objects.ts';
import type { World } from '../../src/plan/world.ts';
import { podCapabilities } from '../contracts/driver/traits.ts';
import { agentOf, policyOf, runtimeViewOf, worldOf } from '../plan/worlds.ts';
import { houseOf, settle, type WorldEvent } from '../simulation/simulation.ts';

const at = fc.nat(4);
const spans = fc.constantFrom('0s', '500ms', '1s', '10s', '1m', '1h');

const policies: fc.Arbitrary<PolicySpec> = fc
  .record({
    mode: fc.constantFrom('AlwaysOn', 'AlwaysOn', 'AlwaysOn', 'OnDemand'),
    keepalive: spans,
    on: fc.constantFrom('Always', 'Always', 'OnFailure', 'Never'),
    maxRestarts: fc.constantFrom(undefined, undefined, 0, 1, 3),
    schedule: fc.array(spans, { minLength: 1, maxLength: 4 }),
    scheduled: fc.constantFrom(
      undefined,
      { cron: '0 4 * * *', timezone: 'Europe/Berlin' },
      { every: '1h', whenIdleFor: '1m' },
      { cron: '*/5 * * * *', whenIdleFor: '0s', jitter: '30s', catchUp: false },
      { every: '0s', whenIdleFor: '10s' },
    ),
    strategy: fc.constantFrom('Rolling', 'Rolling', 'WhenIdle', 'OnDelete'),
    forceAfter: fc.constantFrom(undefined, '1m'),
    maxUnavailable: fc.integer({ min: 1, max: 3 }),
    autoRevert: fc.boolean(),
    restartOn: fc.subarray(['ImageUpdate', 'SecretChange', 'ControllerUpgrade'] as const),
    gracePeriod: spans,
  })
  .map((one) =>
    policyOf({
      mode: one.mode as PolicySpec['mode'],
      onDemand: { keepalive: one.keepalive },
      restart: {
        on: one.on as PolicySpec['restart']['on'],
        ...(one.maxRestarts === undefined ? {} : { maxRestarts: one.maxRestarts }),
      },
      backoff: { schedule: one.schedule },
      ...(one.scheduled === undefined ? {} : { scheduledRestart: one.scheduled }),
      update: {
        strategy: one.strategy as PolicySpec['update']['strategy'],
        maxUnavailable: one.maxUnavailable,
        autoRevert: one.autoRevert,
        ...(one.forceAfter === undefined ? {} : { forceAfter: one.forceAfter }),
      },
      restartOn: [...one.restartOn],
      stop: { gracePeriod: one.gracePeriod },
    }),
  );

export const worldEvents: fc.Arbitrary<WorldEvent> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      is: fc.constant('Step' as const),
      done: fc.nat(4),
      end: fc.constantFrom('Crash', 'Crash', 'Retryable', 'Terminal', 'NotStartable'),
    }),
  },
  { weight: 6, arbitrary: fc.constant<WorldEvent>({ is: 'Wake' }) },
  { weight: 3, arbitrary: fc.constant<WorldEvent>({ is: 'Begin' }) },
  {
    weight: 3,
    arbitrary: fc.record({
      is: fc.constant('End' as const),
      end: fc.constantFrom('Succeeded', 'Succeeded', 'Retryable', 'Terminal', 'NotStartable'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      is: fc.constant('Pass' as const),
      ms: fc.constantFrom(1, 900, 5000, 60_000, 3_600_000, 172_800_000, -3_600_000),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      is: fc.constant('Exit' as const),
      at,
      code: fc.constantFrom(0, 1, 137),
      cause: fc.constantFrom('Agent', 'Agent', 'Runtime'),
      ago: fc.constantFrom(0, 10, -5000, 60_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ is: fc.constant('Lose' as const), at }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constantFrom('Pause' as const, 'Unpause' as const), at }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('Restart' as const), at }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('Stray' as const), at, running: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({ is: fc.constant('Probe' as const), at, ready: fc.boolean(), live: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ is: fc.constant('Busy' as const), at, busy: fc.boolean() }) },
  {
    weight: 5,
    arbitrary: fc.record({
      is: fc.constant('Talk' as const),
      at,
      state: fc.constantFrom(
        undefined,
        'Connecting' as const,
        'Ready' as const,
        'Ready' as const,
        'AuthRequired' as const,
        'Refused' as const,
        'Draining' as const,
        'Drained' as const,
      ),
      unenforced: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ is: fc.constant('Waiting' as const), at, waiting: fc.nat(2) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      is: fc.constant('Inbox' as const),
      inbox: fc.oneof(
        fc.record({ waiting: fc.nat(5) }),
        fc.record({ open: fc.constantFrom(new Set<string>(), new Set(['report'])) }),
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      is: fc.constantFrom('Offline' as const, 'Syncing' as const, 'Online' as const, 'Online' as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      is: fc.constant('Gate' as const),
      hold: fc.constantFrom(undefined, undefined, 900, 60_000, 3_600_000, 'Forever' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ is: fc.constant('Secret' as const), there: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      is: fc.constant('Spec' as const),
      spec: fc.oneof(
        fc.record({ replicas: fc.nat(3) }),
        fc.record({ suspend: fc.boolean() }),
        fc.record({
          minReady: fc.constantFrom('0s', '1s', '5s'),
          startDeadline: fc.constantFrom('2s', '60s'),
        }),
        fc.record({ revisionHistoryLimit: fc.nat(2) }),
        fc.integer({ min: 1, max: 3 }).map((perInstance) => ({
          conversations: { perInstance, idleTTL: '24h', onContextFull: 'Keep' as const },
        })),
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      is: fc.constant('Image' as const),
      image: fc.constantFrom('web:1', 'web:2', 'web:3'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      is: fc.constant('Policy' as const),
      policy: fc.oneof(
        { weight: 5, arbitrary: policies },
        { weight: 1, arbitrary: fc.constant({ missing: 'none' }) },
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ is: fc.constant('Move' as const), runtime: fc.constantFrom('docker', 'podman') }),
  },
  { weight: 2, arbitrary: fc.record({ is: fc.constantFrom('Resume' as const, 'RolloutRestart' as const) }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('DeleteInstance' as const), at }) },
  { weight: 1, arbitrary: fc.constant<WorldEvent>({ is: 'Delete' }) },
);

const probe = {
  exec: { command: ['true'] },
  initialDelay: '0s',
  period: '1s',
  timeout: '1s',
  successThreshold: 1,
  failureThreshold: 3,
};

export const beginnings: fc.Arbitrary<World> = fc
  .record({
    replicas: fc.nat(3),
    policy: policies,
    readiness: fc.boolean(),
    liveness: fc.boolean(),
    secret: fc.boolean(),
    settled: fc.boolean(),
    protocol: fc.constantFrom('none', 'none', 'acp', 'jsonl'),
    permissions: fc.constantFrom(undefined, { default: 'Deny' as const }),
    prompt: fc.boolean(),
    capabilities: fc.constantFrom<Capabilities[]>(
      driverCapabilities.docker,
      driverCapabilities.docker,
      driverCapabilities.process,
      podCapabilities,
    ),
    schedule: fc.constantFrom(
      undefined,
      { cron: '*/7 * * * *' },
      { cron: '0 4 * * *', timezone: 'Europe/Berlin', catchUp: false },
      { cron: '30 * * * *', overlap: 'Queue' as const, suspend: true },
    ),
  })
  .map((one) => {
    const { replicas, policy, readiness, liveness, secret, settled } = one;
    const { protocol, permissions, prompt, schedule, capabilities } = one;
    const agent = agentOf(
      {
        replicas,
        protocol: protocol as 'none', // or another
        ...(permissions === undefined ? {} : { permissions: permissions as never }), // the defaults make it whole
        ...(prompt ? { prompt: 'Begin.' } : {}),
        ...(schedule === undefined
          ? {}
          : { schedule: [{ name: 'report', message: 'Report.', ...schedule } as never] }),
        ...(readiness ? { readiness: probe } : {}),
        ...(liveness ? { liveness: probe } : {}),
        template: {
          image: 'web:1',
          ...(secret
            ? {
                env: [
                  { name: 'KEY', valueFrom: { secretKeyRef: { name: 'key', key: 'k', optional: false } } },
                ],
              }
            : {}),
        },
      },
      { finalizers: [] },
    );
    const inputs = { 'Secret/key': 'hmac 0' };
    const runtime = { ...runtimeViewOf(), capabilities };
    const world = { ...worldOf({ agent, instances: [], revisions: [], inputs, runtime }), policy };
    return settled ? (settle(houseOf(world))?.house.world ?? world) : world;
  });

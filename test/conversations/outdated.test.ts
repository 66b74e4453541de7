import { expect, test } from 'vitest';
import { controlsOf } from '../../src/conversations/run-facts.ts';
import type { Control, Facts } from '../../src/protocols/protocol.ts';
import { acp } from '../../src/protocols/protocol-index.ts';
import { specOf } from '../plan/worlds.ts';

const taken: Control = { status: 'True', reason: 'Taken', message: 'The agent took it.' };

type KnownRun = Parameters<typeof controlsOf>[0];

/** A run that was told `settings`, and what its agent was found to take. */
const run = (settings: KnownRun['settings'], controls: Partial<Facts['controls']> = {}): KnownRun => ({
  protocol: acp,
  settings,
  tools: undefined,
  account: {},
  facts: {
    canResume: true,
    controls: { model: taken, systemPrompt: taken, mcp: taken, mode: taken, options: taken, ...controls },
  },
});

const told = (link: KnownRun, spec: object): Record<string, string> =>
  Object.fromEntries(
    Object.entries(controlsOf(link, { ...specOf(), protocol: 'acp', ...spec }, undefined)).map(
      ([name, control]) => [name, control.reason],
    ),
  );

test('what a run was told counts for the spec that it was started with', () => {
  const settings = { model: 'small', session: { mode: 'ask', options: { effort: 'low' } } };
  expect(told(run(settings), { ...settings, fleetAccess: 'None' })).toEqual({
    ModelApplied: 'Taken',
    SessionModeApplied: 'Taken',
    SessionOptionsApplied: 'Taken',
  });
  const changed = { model: 'large', systemPrompt: 'You are Bob.', session: { mode: 'ask' } };
  expect(told(run(settings), { ...changed, fleetAccess: 'None' })).toEqual({
    ModelApplied: 'Outdated',
    SystemPromptApplied: 'Outdated',
    SessionModeApplied: 'Taken',
  });
});

test('a run that was started without tools says so when the spec gives it some', () => {
  const without: Control = { status: 'Unknown', reason: 'NotAsked', message: '' };
  expect(told(run({}, { mcp: without }), { fleetAccess: 'None' })).toEqual({});
  expect(told(run({}, { mcp: without }), { fleetAccess: 'Peers' })).toEqual({ FleetAccessible: 'NotGiven' });
  expect(told(run({}), { fleetAccess: 'Peers' })).toEqual({ FleetAccessible: 'Taken' });
});

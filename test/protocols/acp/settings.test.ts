import { describe, expect, test } from 'vitest';
import type { ConnectOptions, Facts } from '../../../src/protocols/protocol.ts';
import type { Answers } from '../../fakes/acp-agent.ts';
import { able, type Talk, talk } from './world.ts';

const fresh = { id: 'c', live: false, workingDir: '/work' };

const modes = {
  currentModeId: 'yolo',
  availableModes: [
    { id: 'yolo', name: 'All at once' },
    { id: 'ask', name: 'Ask first' },
  ],
};
const models = {
  currentModelId: 'small',
  availableModels: [
    { modelId: 'small', name: 'Small' },
    { modelId: 'large', name: 'Large' },
  ],
};
/** As Codex names them beside its option. */
const named = {
  currentModelId: 'small[low]',
  availableModels: ['small[low]', 'large[high]'].map((modelId) => ({ modelId, name: modelId })),
};
const select = (id: string, category: string, values: string[]): object => ({
  ...{ id, name: id.toUpperCase(), category, type: 'select', currentValue: values[0] },
  options: values.map((value) => ({ value, name: value })),
});
const effort = select('reasoning', 'thought_level', ['low', 'high']);
const fast = { id: 'fast', name: 'Fast', type: 'boolean', currentValue: false };

/** An agent whose sessions offer that. */
const offering = (offer: object, more: Answers = {}): Answers => ({
  'session/new': () => ({ result: { sessionId: 'n', ...offer } }),
  'session/set_mode': () => ({ result: {} }),
  'session/set_model': () => ({ result: {} }),
  'session/set_config_option': () => ({ result: { configOptions: [] } }),
  ...more,
});

const controls = ({ host }: Talk): Facts['controls'] => (host.of('ready')[0] as Facts).controls; // only `ready` adds them

const sent = ({ agent }: Talk): unknown[] =>
  agent.lines.flatMap(({ method = '', params: { sessionId: _, ...params } = {} }) =>
    method.startsWith('session/set') ? [[method, params]] : [],
  );

describe('the settings of a session of acp', () => {
  test.each<[string, object, Partial<ConnectOptions>, unknown[], Partial<Facts['controls']>]>([
    [
      'a model, by the request for models',
      { models },
      { model: 'Large' },
      [['session/set_model', { modelId: 'large' }]],
      { model: { status: 'True', reason: 'OwnRequest', message: expect.stringContaining('large') } },
    ],
    [
      'a model that is not there, with those that are',
      { models },
      { model: 'huge' },
      [],
      { model: { status: 'False', reason: 'NotOffered', message: expect.stringContaining('small, large') } },
    ],
    [
      'a model, by the name that its option has',
      { models: named, configOptions: [select('model', 'model', ['small', 'large'])] },
      { model: 'large' },
      [['session/set_config_option', { configId: 'model', value: 'large' }]],
      { model: { status: 'True', reason: 'ConfigOption', message: expect.stringContaining('large') } },
    ],
    [
      'a model, by a name that only the list of models has',
      { models: named, configOptions: [select('model', 'model', ['small', 'large'])] },
      { model: 'large[high]' },
      [['session/set_model', { modelId: 'large[high]' }]],
      { model: { status: 'True', reason: 'OwnRequest', message: expect.stringContaining('large[high]') } },
    ],
    [
      'a model that is in neither, with those of both',
      { models: named, configOptions: [select('model', 'model', ['small', 'large'])] },
      { model: 'huge' },
      [],
      {
        model: {
          status: 'False',
          reason: 'NotOffered',
          message: expect.stringContaining('small, large, small[low], large[high]'),
        },
      },
    ],
    [
      'a mode, by the request for modes',
      { modes },
      { session: { mode: 'ask' } },
      [['session/set_mode', { modeId: 'ask' }]],
      { mode: { status: 'True', reason: 'OwnRequest', message: expect.stringContaining('ask') } },
    ],
    [
      'a mode that it has already',
      { modes },
      { session: { mode: 'yolo' } },
      [],
      { mode: { status: 'True', reason: 'OwnRequest', message: expect.anything() } },
    ],
    [
      'a mode, by its option where there is one',
      { modes, configOptions: [select('mode', 'mode', ['yolo', 'ask'])] },
      { session: { mode: 'ask' } },
      [['session/set_config_option', { configId: 'mode', value: 'ask' }]],
      { mode: { status: 'True', reason: 'ConfigOption', message: expect.anything() } },
    ],
    [
      'an option by its category, and one that is on or off',
      { configOptions: [effort, fast] },
      { session: { options: { thought_level: 'high', fast: 'true' } } },
      [
        ['session/set_config_option', { configId: 'reasoning', value: 'high' }],
        ['session/set_config_option', { configId: 'fast', type: 'boolean', value: true }],
      ],
      { options: { status: 'True', reason: 'ConfigOption', message: expect.stringMatching(/high.*true/) } },
    ],
    [
      'options of which one is not there',
      { configOptions: [effort] },
      { session: { options: { reasoning: 'high', nope: 'x' } } },
      [['session/set_config_option', { configId: 'reasoning', value: 'high' }]],
      {
        options: {
          status: 'False',
          reason: 'NotOffered',
          message: 'The agent has no option "nope". It has reasoning.',
        },
      },
    ],
    [
      'a mode where it has none',
      {},
      { session: { mode: 'ask' } },
      [],
      { mode: { status: 'False', reason: 'NotOffered', message: expect.stringContaining('does not let') } },
    ],
  ])('is %s', async (_, offer, options, requests, expected) => {
    const world = await talk(offering(offer), options);
    expect(sent(world)).toEqual(requests);
    expect(controls(world)).toMatchObject(expected);
  });

  test('is the model first, then the mode, since a model may have modes of its own', async () => {
    const all = [select('mode', 'mode', ['ask', 'yolo']), select('model', 'model', ['small', 'large'])];
    const reset = [select('mode', 'mode', ['yolo', 'ask']), select('model', 'model', ['large', 'small'])];
    let told = 0;
    const set = () => ({ result: { configOptions: told++ === 0 ? reset : [] } });
    const world = await talk(offering({ configOptions: all }, { 'session/set_config_option': set }), {
      model: 'large',
      session: { mode: 'ask' },
    });
    expect(sent(world)).toEqual([
      ['session/set_config_option', { configId: 'model', value: 'large' }],
      ['session/set_config_option', { configId: 'mode', value: 'ask' }],
    ]);
  });

  test('that the agent refuses is told', async () => {
    const refuses = { 'session/set_mode': () => ({ error: { code: -32603, message: 'not today' } }) };
    const world = await talk(offering({ modes }, refuses), { session: { mode: 'ask' } });
    expect(controls(world).mode).toMatchObject({ status: 'False', reason: 'Refused' });
    expect(controls(world).mode?.message).toContain('not today');
  });

  test('is made in each session, and one that is not set so is none', async () => {
    let refuses = false;
    const set = () => (refuses ? { error: { code: 1, message: 'not today' } } : { result: {} });
    const world = await talk(offering({ modes }, { 'session/set_mode': set }), { session: { mode: 'ask' } });
    await world.connection.session(fresh);
    await world.connection.session(fresh);
    expect(sent(world)).toHaveLength(2);
    refuses = true;
    await expect(world.connection.session(fresh)).rejects.toMatchObject({ code: 'Failed' });
  });

  test('is made in a session that is loaded, though the agent does not say what it offers', async () => {
    const answers = { ...able({ loadSession: true }), ...offering({ modes }) };
    const world = await talk(answers, { session: { mode: 'ask' } });
    await world.connection.session({ id: 'c', session: 'old', live: false, workingDir: '/work' });
    expect(world.agent.sent('session/set_mode').map(({ params }) => params)).toEqual([
      { sessionId: 'n', modeId: 'ask' },
      { sessionId: 'old', modeId: 'ask' },
    ]);
  });
});

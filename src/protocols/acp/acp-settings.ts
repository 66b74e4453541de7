import { cut } from '../../api/text.ts';
import { type ConnectOptions, type Control, type Facts, limits } from '../protocol.ts';
import { fields } from './acp-message.ts';
import { isRefusal, type Requests } from './acp-requests.ts';
import {
  type Choice,
  type ConfigOption,
  namesOf,
  notOffered,
  type Offer,
  optionFor,
  optionNamed,
  readOffer,
  readOptions,
  valueFor,
} from './offer.ts';

/** Whether a session has the settings of the spec. */
export type Settled = Pick<Facts['controls'], 'model'> & Record<'mode' | 'options', Control>;

/** Applies the settings of the spec to sessions, and knows the model that each session uses. */
export class Settings {
  readonly #requests: Requests;
  readonly #options: ConnectOptions;
  /** The model of each session, if the agent reports it. May contain ids of sessions that do not exist. */
  readonly #models = new Map<string, string>();
  /** What the newest session offered. Used for sessions whose offer the agent does not report. */
  #last: Offer | undefined;

  constructor(requests: Requests, options: ConnectOptions) {
    this.#requests = requests;
    this.#options = options;
  }

  model(session: string): string | undefined {
    return this.#models.get(session);
  }

  /** The agent reports the current settings of a session. */
  noteOptions(session: string, configOptions: unknown): void {
    const offer = { options: readOptions(configOptions), modes: undefined, models: undefined };
    this.#note(session, optionFor(offer, 'model')?.current);
  }

  forget(session: string): void {
    this.#models.delete(session);
  }

  /** Applies the settings to a session. `answer`: the response that opened it. Rejects with ProtocolError. */
  async settle(session: string, answer: unknown, { loaded = false } = {}): Promise<Settled> {
    const offer = readOffer(answer);
    this.#last = offer ?? this.#last;
    const sitting = new Sitting(session, offer ?? unset(this.#last), this.#requests);
    this.#noteOffer(session, sitting.offered);
    const { model, session: wanted } = this.#options;
    const set = async <T>(value: T | undefined, choose: (value: T) => Promise<Control>): Promise<Control> =>
      value === undefined ? notAsked : isSilent ? notReported : choose(value);
    // A session loaded by a connection that has opened none itself. For a session that it opened, no offer means that
    // nothing can be chosen.
    const isSilent = offer === undefined && loaded && this.#last === undefined;
    // A model may have its own modes, and both may have options. In this order, no step undoes an earlier one.
    const settled: Settled = {
      model: await set(model, (value) => sitting.choose('model', value)),
      mode: await set(wanted?.mode, (value) => sitting.choose('mode', value)),
      options: await set(wanted?.options, (all) => sitting.chooseAll(all)),
    };
    this.#noteOffer(session, sitting.offered);
    for (const [what, control] of Object.entries(settled))
      if (control.status === 'False')
        this.#options.log.warn({ session, why: control.message }, `the agent did not take the ${what}`);
    return settled;
  }

  #noteOffer(session: string, offer: Offer | undefined): void {
    if (offer !== undefined) this.#note(session, optionFor(offer, 'model')?.current ?? offer.models?.current);
  }

  #note(session: string, model: string | undefined): void {
    if (model !== undefined) this.#models.set(session, cut(model, limits.name));
    const [oldest] = this.#models.keys();
    if (this.#models.size > limits.sessions && oldest !== undefined) this.#models.delete(oldest);
  }
}

/** One session while its settings are applied. */
class Sitting {
  readonly #session: string;
  readonly #requests: Requests;
  offered: Offer | undefined;

  constructor(session: string, offer: Offer | undefined, requests: Requests) {
    this.#session = session;
    this.#requests = requests;
    this.offered = offer;
  }

  /**
   * Chooses a model or mode: with a config option that has the value, or else with the separate request, for which an
   * agent may offer more values.
   */
  async choose(what: 'model' | 'mode', wanted: string): Promise<Control> {
    const option = this.offered && optionFor(this.offered, what);
    const choice = what === 'model' ? this.offered?.models : this.offered?.modes;
    const isOther = option !== undefined && choice !== undefined && valueFor(option, wanted) === undefined;
    if (isOther && valueFor(choice, wanted) === undefined)
      return notOffered(what, wanted, { ...option, choices: union(option, choice) });
    if (option !== undefined && !isOther)
      return this.#set(what, wanted, option, () => this.#setOption(option, wanted));
    return this.#set(what, wanted, choice, (value) =>
      what === 'model'
        ? this.#requests.setModel({ sessionId: this.#session, modelId: value })
        : this.#requests.request('session/set_mode', { sessionId: this.#session, modeId: value }),
    );
  }

  async chooseAll(wanted: Readonly<Record<string, string>>): Promise<Control> {
    const all: Control[] = [];
    for (const [name, value] of Object.entries(wanted)) {
      const option = this.offered && optionNamed(this.offered, name);
      const what = `option ${name}`;
      all.push(
        option === undefined
          ? noSuchOption(name, this.offered)
          : await this.#set(what, value, option, () => this.#setOption(option, value)),
      );
    }
    const bad = all.filter(({ status }) => status !== 'True');
    const chosen = bad.length === 0 ? all : bad;
    const { status = 'True', reason = 'ConfigOption' } = chosen[0] ?? {};
    return { status, reason, message: chosen.map(({ message }) => message).join(' ') };
  }

  async #set(
    what: string,
    wanted: string,
    choice: Choice | undefined,
    ask: (value: string) => Promise<unknown>,
  ): Promise<Control> {
    const value = choice && valueFor(choice, wanted);
    if (choice === undefined || value === undefined) return notOffered(what, wanted, choice);
    if (choice.current !== value) {
      try {
        await ask(value);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        return { status: 'False', reason: 'Refused', message: error.message };
      }
      if (what === 'model' && this.offered?.models !== undefined) {
        const { options, models } = this.offered;
        const model = 'id' in choice ? undefined : optionFor(this.offered, 'model');
        const now = model === undefined ? options : replaced(options, model.id, value);
        this.offered = { ...this.offered, options: now, models: { ...models, current: value } };
      }
    }
    const message =
      what === 'model'
        ? `The agent was told to use ${value}, and took it.`
        : `The agent was told to set the ${what} to ${value}, and took it.`;
    return { status: 'True', reason: 'id' in choice ? 'ConfigOption' : 'OwnRequest', message };
  }

  /** The response contains all current options, because one change may affect others. */
  async #setOption(option: ConfigOption, wanted: string): Promise<void> {
    const value = valueFor(option, wanted) ?? wanted;
    const answer: unknown = await this.#requests.request('session/set_config_option', {
      sessionId: this.#session,
      configId: option.id,
      ...(option.isBoolean ? { type: 'boolean', value: value === 'true' } : { value }),
    });
    const options = readOptions(fields(answer)?.configOptions);
    const others = this.offered ?? { modes: undefined, models: undefined };
    const now = options.length > 0 ? options : replaced(this.offered?.options ?? [], option.id, value);
    this.offered = { ...others, options: now };
  }
}

/** Returns the choices of both, each once. */
const union = (one: Choice, other: Choice): Choice['choices'] => [
  ...one.choices,
  ...other.choices.filter(({ value }) => one.choices.every((known) => known.value !== value)),
];

const replaced = (options: readonly ConfigOption[], id: string, current: string): ConfigOption[] =>
  options.map((option) => (option.id === id ? { ...option, current } : option));

/** Returns what can be chosen, without the current values. */
function unset(offer: Offer | undefined): Offer | undefined {
  if (offer === undefined) return undefined;
  const without = <T extends Choice>(choice: T): T => ({ ...choice, current: undefined });
  return {
    options: offer.options.map(without),
    modes: offer.modes && without(offer.modes),
    models: offer.models && without(offer.models),
  };
}

const noSuchOption = (name: string, offer: Offer | undefined): Control => ({
  status: 'False',
  reason: 'NotOffered',
  message: `The agent has no option "${name}". It has ${namesOf((offer?.options ?? []).map(({ id }) => id))}.`,
});

export const notAsked: Control = {
  status: 'Unknown',
  reason: 'NotAsked',
  message: 'The spec does not ask for it.',
};

const notReported: Control = {
  status: 'Unknown',
  reason: 'NotTold',
  message: 'The agent does not say what its session can be set to.',
};

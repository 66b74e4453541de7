import { cut, listed } from '../../api/text.ts';
import type { Control } from '../protocol.ts';
import { type Fields, fields, list, objects, string } from './acp-message.ts';

/** A setting of a session that can be chosen. */
export interface Choice {
  current: string | undefined;
  choices: readonly { value: string; name: string }[];
}

/** One of ACP's session config options. */
export interface ConfigOption extends Choice {
  id: string;
  name: string;
  category: string | undefined;
  isBoolean: boolean;
}

/**
 * What can be chosen in a session, from the response that opened it. If an agent has both, config options replace modes
 * and models. The schema no longer contains models, but agents still offer them.
 */
export interface Offer {
  options: readonly ConfigOption[];
  modes: Choice | undefined;
  models: Choice | undefined;
}

/** Returns undefined if the answer says nothing about settings, as some answers to session/load. */
export function readOffer(answer: unknown): Offer | undefined {
  const found = fields(answer);
  const modes = fields(found?.modes);
  const models = fields(found?.models);
  if (!Array.isArray(found?.configOptions) && modes === undefined && models === undefined) return undefined;
  return {
    options: readOptions(found?.configOptions),
    modes: modes && choice(modes.currentModeId, modes.availableModes, 'id'),
    models: models && choice(models.currentModelId, models.availableModels, 'modelId'),
  };
}

export const readOptions = (configOptions: unknown): ConfigOption[] =>
  objects(configOptions).flatMap((option) => {
    const { id, name, category, type, currentValue } = option;
    if (typeof id !== 'string') return [];
    const isBoolean = type === 'boolean';
    // Options may be grouped.
    const values = objects(option.options).flatMap((one) =>
      'value' in one ? [one] : objects(list(one.options)),
    );
    return {
      id,
      name: string(name) ?? id,
      category: string(category),
      isBoolean,
      ...(isBoolean
        ? { current: String(currentValue), choices: yesAndNo }
        : choice(currentValue, values, 'value')),
    };
  });

const choice = (current: unknown, choices: unknown, key: string): Choice => ({
  current: string(current),
  choices: objects(choices).flatMap((one: Fields) => {
    const value = one[key];
    return typeof value === 'string' ? [{ value, name: string(one.name) ?? value }] : [];
  }),
});

const yesAndNo = ['true', 'false'].map((value) => ({ value, name: value }));

/** Returns the option of a category. In an agent without categories, the option with that id. */
export const optionFor = ({ options }: Offer, category: string): ConfigOption | undefined =>
  options.find((option) => option.category === category) ??
  options.find((option) => option.category === undefined && option.id === category);

/** Returns the option with this id, or else this category, or else this name. */
export const optionNamed = ({ options }: Offer, name: string): ConfigOption | undefined =>
  options.find(({ id }) => id === name) ??
  options.find(({ category }) => category === name) ??
  options.find((option) => option.name === name);

/** Returns the value that equals `wanted`, or else the value with that name. */
export const valueFor = ({ choices }: Choice, wanted: string): string | undefined =>
  (choices.find(({ value }) => value === wanted) ?? choices.find(({ name }) => name === wanted))?.value;

const mostListed = 20;

/** `what`: model or mode. */
export function notOffered(what: string, wanted: string, choice: Choice | undefined): Control {
  const offer =
    choice === undefined
      ? `It does not let the ${what} be chosen: choose it in its own configuration.`
      : `It offers ${namesOf(choice.choices.map(({ value }) => value))}.`;
  return {
    status: 'False',
    reason: 'NotOffered',
    message: `The agent does not offer the ${what} "${wanted}". ${offer}`,
  };
}

export const namesOf = (names: readonly string[]): string =>
  listed(
    names.map((name) => cut(name, 80)),
    { most: mostListed },
  ) || 'none';

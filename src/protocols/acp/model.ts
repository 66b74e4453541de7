import { listed } from '../../api/listed.ts';
import { cut } from '../limits.ts';
import type { Control } from '../protocol.ts';
import { type Fields, list, objects, string } from './read.ts';

/** The session's choice of a model, as ACP's config options offer it. */
export interface ModelOption {
  configId: string;
  current: string | undefined;
  choices: readonly { value: string; name: string }[];
}

/** Out of the config options of a session; undefined where the agent lets no model be chosen. */
export function modelOption(configOptions: unknown): ModelOption | undefined {
  const option = objects(configOptions).find(
    ({ category, id }) => category === 'model' && typeof id === 'string',
  );
  if (option === undefined) return undefined;
  // Options may stand in groups.
  const choices = objects(option.options).flatMap((one) =>
    'value' in one ? [one] : objects(list(one.options)),
  );
  return {
    configId: string(option.id) ?? '',
    current: string(option.currentValue),
    choices: choices.flatMap(({ value, name }: Fields) =>
      typeof value === 'string' ? [{ value, name: string(name) ?? value }] : [],
    ),
  };
}

/** The value for a model: by value, then by name. */
export const findModel = ({ choices }: ModelOption, model: string): string | undefined =>
  (choices.find(({ value }) => value === model) ?? choices.find(({ name }) => name === model))?.value;

const mostListed = 20;

export function notOffered(model: string, option: ModelOption | undefined): Control {
  const values = option?.choices.map(({ value }) => cut(value, 80)) ?? [];
  const offer =
    option === undefined
      ? 'It does not let the model be chosen: choose it in its own configuration.'
      : `It offers ${listed(values, { most: mostListed }) || 'none'}.`;
  return {
    status: 'False',
    reason: 'NotOffered',
    message: `The agent does not offer the model "${model}". ${offer}`,
  };
}

import type { Refusal } from './accept.ts';
import type { Action, ActionType, Plan } from './action.ts';
import { driftText } from './drift.ts';

/** The actions that people see. The others are bookkeeping of the controller. */
const words: Partial<Record<ActionType, readonly [sign: string, verb: string]>> = {
  CreateInstance: ['+', 'create'],
  DeleteInstance: ['-', 'delete'],
  MoveInstance: ['~', 'move'],
  Start: ['+', 'start'],
  SendPrompt: ['+', 'send the prompt'],
  SkipPrompt: ['~', 'skip the prompt'],
  Shutdown: ['-', 'stop'],
  Signal: ['-', 'stop'],
  Kill: ['-', 'kill'],
  Remove: ['-', 'remove'],
  Revert: ['~', 'go back to'],
};

/** For people: what changes, the first actions, and what prevents a start. Empty if there is nothing. */
export function outline({ actions, drift }: Plan, inTheWay: Refusal | undefined): string {
  const lines = [
    ...drift.map((field) => `~ ${driftText(field)}${field.update === 'restart' ? ' (restart)' : ''}`),
    ...actions.flatMap(actionLine),
    ...(inTheWay === undefined ? [] : [`! ${inTheWay.reason}: ${inTheWay.message}`]),
  ];
  if (lines.length === 0 && actions.length > 0) lines.push('~ the new spec is applied without a restart');
  return lines.map((line) => `${line}\n`).join('');
}

function actionLine(action: Action): string[] {
  const [sign, verb] = words[action.type] ?? [];
  if (sign === undefined || verb === undefined) return [];
  const target = targetOf(action);
  return [`${sign} ${verb}${target === '' ? '' : ` ${target}`}: ${action.message}`];
}

function targetOf(action: Action): string {
  switch (action.type) {
    case 'Revert':
      return action.revision;
    case 'SendPrompt':
      return action.schedule ?? '';
    case 'SkipPrompt':
      return action.schedule;
    default:
      return 'name' in action ? action.name : '';
  }
}

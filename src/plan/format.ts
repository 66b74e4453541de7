import type { Refusal } from './accept.ts';
import type { Action, ActionType, FieldDrift, Plan } from './action.ts';
import { driftText } from './revision.ts';
import { shortTime } from './times.ts';

const signs: Record<ActionType, readonly [sign: string, verb: string]> = {
  CreateRevision: ['+', 'record'],
  DeleteRevision: ['-', 'forget'],
  CreateInstance: ['+', 'create'],
  DeleteInstance: ['-', 'delete'],
  MoveInstance: ['~', 'move'],
  Start: ['+', 'start'],
  SendPrompt: ['+', 'send'],
  SkipPrompt: ['~', 'skip'],
  Shutdown: ['-', 'stop'],
  Signal: ['-', 'stop'],
  Kill: ['-', 'kill'],
  Remove: ['-', 'remove'],
  Revert: ['~', 'revert'],
  Adopt: ['+', 'adopt'],
  Release: ['-', 'release'],
};

/**
 * Returns a plan as plain text: a line for each action, verdict and changed field. The same plan gives the same text.
 */
export function formatPlan(plan: Plan, namespace = 'default'): string {
  const rows = [
    ...plan.actions.map((action) => actionRow(action, namespace)),
    ...plan.wants.map(({ instance }) => ['?', 'want', `${namespace}/${instance}`, 'a place on its Runtime']),
    ...plan.verdicts.map(({ instance, phase, reason, message }) => [
      '=',
      phase,
      `${namespace}/${instance}`,
      phase === reason ? message : `${reason}: ${message}`,
    ]),
  ];
  const lines = [...aligned(rows), ...plan.drift.map(driftLine)];
  if (plan.wakeAt !== undefined) lines.push(`@ look again at ${shortTime(plan.wakeAt)}`);
  return lines.map((line) => `${line}\n`).join('');
}

function actionRow(action: Action, namespace: string): string[] {
  const [sign, verb] = signs[action.type];
  const { target, detail } = describe(action);
  const name = target === '' ? namespace : `${namespace}/${target}`;
  const after = action.after.length === 0 ? '' : `  after ${action.after.join(', ')}`;
  return [sign, verb, name, `${detail === '' ? '' : `${detail}  `}(${action.cause})${after}`];
}

function startDetail({ how, ref = '?' }: Extract<Action, { type: 'Start' }>): string {
  switch (how) {
    case 'Create':
      return 'anew';
    case 'Restart':
      return `again in ${ref}`;
    case 'Replace':
      return `anew in place of ${ref}`;
  }
}

function describe(action: Action): { target: string; detail: string } {
  switch (action.type) {
    case 'CreateRevision':
      return { target: action.revision.metadata.name ?? '', detail: 'revision' };
    case 'DeleteRevision':
      return { target: action.name, detail: 'revision' };
    case 'CreateInstance':
    case 'DeleteInstance':
      return { target: action.name, detail: 'instance' };
    case 'MoveInstance':
      return { target: action.name, detail: `to ${action.runtime}` };
    case 'Start':
      return {
        target: action.name,
        detail: `run ${action.run}  ${startDetail(action)}`,
      };
    case 'SendPrompt':
      return action.schedule === undefined
        ? { target: '', detail: 'the first prompt' }
        : { target: action.schedule, detail: `prompt of ${shortTime(action.dueAt)}` };
    case 'SkipPrompt':
      return { target: action.schedule, detail: `prompt of ${shortTime(action.dueAt)}` };
    case 'Shutdown':
      return { target: action.name, detail: `run ${action.run}  shutdown to ${action.ref}` };
    case 'Signal':
      return {
        target: action.name,
        detail: `run ${action.run}  ${action.signal ?? 'stop signal'} to ${action.scope === 'Group' ? 'the group of ' : ''}${action.ref}`,
      };
    case 'Kill':
      return { target: action.name, detail: `run ${action.run}  SIGKILL to ${action.ref}` };
    case 'Remove':
      return { target: action.name, detail: `${action.ref}${action.volumes ? ' and its volumes' : ''}` };
    case 'Revert':
      return { target: action.revision, detail: '' };
    case 'Adopt':
    case 'Release':
      return { target: '', detail: '' };
  }
}

const driftLine = (field: FieldDrift): string => `~ ${driftText(field)} (${field.update})`;

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = [0, 1, 2].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .replace(/^(\S) {2}/, '$1 ')
      .trimEnd(),
  );
}

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

import type { Approval } from '../../api/objects.ts';
import { optionFor } from '../../protocols/talk.ts';
import { ago, block, fields, section } from './fields.ts';

export function describeApproval({ metadata, spec, status = {} }: Approval, now: number): string {
  const { state = 'Pending' } = status;
  const waits = state === 'Pending';
  return [
    fields([
      ['Name', metadata.name],
      ['Namespace', metadata.namespace],
      ['Agent', spec.agentRef.name],
      ['Instance', spec.instance],
      ['Message', spec.message],
      ['Conversation', spec.conversation],
      ['Asks for', spec.request],
      ['Title', spec.title === spec.request ? undefined : spec.title],
      ['Tool', spec.toolKind],
      ['State', state],
      ['By', status.by],
      ['Why', status.message],
      ['Answered', status.option],
      ['Asked', ago(metadata.creationTimestamp, now)],
      ['Decided', status.decidedAt === undefined ? undefined : ago(status.decidedAt, now)],
      [
        'Expires',
        !waits || spec.expiresAt === undefined ? undefined : `${ago(spec.expiresAt, now)}, then it is denied`,
      ],
      ['Decide', waits ? `agentctl approve ${metadata.name}, or agentctl deny ${metadata.name}` : undefined],
    ]),
    spec.options === undefined || spec.options.length === 0
      ? ''
      : section('Options', block(optionsText(spec).join('\n'))),
    spec.input === undefined ? '' : section('Input', block(pretty(spec.input))),
  ].join('');
}

/** Returns the options, one line each, and marks the defaults. */
export function optionsText({ options = [] }: Approval['spec']): string[] {
  const [allow, deny] = [optionFor(options, 'Allow'), optionFor(options, 'Deny')];
  return options.map((option) => {
    const taken = option === allow ? ', by agentctl approve' : option === deny ? ', by agentctl deny' : '';
    return `${option.id}: ${option.name} (${option.kind}${taken})`;
  });
}

/** Formats JSON over several lines; returns other text unchanged. */
export function pretty(input: string): string {
  try {
    return JSON.stringify(JSON.parse(input), null, 2);
  } catch {
    return input; // an agent's text need not be JSON
  }
}

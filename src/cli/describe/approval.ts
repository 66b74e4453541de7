import type { ApprovalView } from '../../views/conversation-view.ts';
import { ago, block, fields, section } from './fields.ts';

export function approvalText({ metadata, spec, status, options }: ApprovalView, now: number): string {
  const waits = status.state === 'Pending';
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
      ['State', status.state],
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
    options.length === 0 ? '' : section('Options', block(options.map(optionText).join('\n'))),
    spec.input === undefined ? '' : section('Input', block(pretty(spec.input))),
  ].join('');
}

/** Marks the options that are taken by default. */
export const optionText = ({ id, name, kind, default: by }: ApprovalView['options'][number]): string =>
  `${id}: ${name} (${kind}${by === undefined ? '' : `, by agentctl ${by}`})`;

/** Formats JSON over several lines; returns other text unchanged. */
export function pretty(input: string): string {
  try {
    return JSON.stringify(JSON.parse(input), null, 2);
  } catch {
    return input; // an agent's text need not be JSON
  }
}

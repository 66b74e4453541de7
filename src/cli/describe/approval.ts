import type { Approval } from '../../api/objects.ts';
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
      ['Asks for', spec.title],
      ['Tool', spec.toolKind],
      ['State', state],
      ['By', status.by],
      ['Asked', ago(metadata.creationTimestamp, now)],
      ['Decided', status.decidedAt === undefined ? undefined : ago(status.decidedAt, now)],
      [
        'Expires',
        !waits || spec.expiresAt === undefined
          ? undefined
          : `${ago(spec.expiresAt, now)}, and is denied then`,
      ],
      ['Decide', waits ? `agentctl approve ${metadata.name}, or agentctl deny ${metadata.name}` : undefined],
    ]),
    spec.input === undefined ? '' : section('Input', block(pretty(spec.input))),
  ].join('');
}

/** As JSON over several lines, where it is JSON. */
export function pretty(input: string): string {
  try {
    return JSON.stringify(JSON.parse(input), null, 2);
  } catch {
    return input; // what an agent says need not be JSON
  }
}

import type { Approval, ApprovalSpec, ApprovalStatus } from '../api/objects.ts';
import { optionFor } from '../protocols/turn-events.ts';

export interface ApprovalView extends Pick<Approval, 'kind' | 'metadata' | 'spec'> {
  status: ApprovalStatus & Required<Pick<ApprovalStatus, 'state'>>;
  options: readonly AnswerOption[];
}

/** `default`: the decision that takes it if none is named. */
type AnswerOption = NonNullable<ApprovalSpec['options']>[number] & {
  default?: 'approve' | 'deny' | undefined;
};

export const approvalView = ({ kind, metadata, spec, status = {} }: Approval): ApprovalView => ({
  kind,
  metadata,
  spec,
  status: { ...status, state: status.state ?? 'Pending' },
  options: optionsOf(spec),
});

export function optionsOf({ options = [] }: ApprovalSpec): AnswerOption[] {
  const [allow, deny] = [optionFor(options, 'Allow'), optionFor(options, 'Deny')];
  return options.map((option) => ({
    ...option,
    default: option === allow ? 'approve' : option === deny ? 'deny' : undefined,
  }));
}

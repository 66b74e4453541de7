import { askedText } from '../../api/text.ts';
import type { TurnPart } from '../../views/conversation-view.ts';

/** Returns one line for a part of a turn that is not text. */
export function partLine(part: Exclude<TurnPart, { part: 'text' }>): string {
  switch (part.part) {
    case 'tool':
      return toolText(part);
    case 'toolFailed':
      return `${toolText(part)}: failed${after(part.output)}`;
    case 'plan':
      return `plan: ${part.entries.map(({ content, status }) => `${marks[status] ?? '-'} ${content}`).join('; ')}`;
    case 'approval':
      return approvalText(part.request);
    case 'backgroundDone':
      return `${part.source}: done in the background`;
    case 'note':
      return part.text;
  }
}

const toolText = ({ title, kind }: { title: string; kind?: string | undefined }): string =>
  kind === undefined ? `* ${title}` : `* ${kind}: ${title}`;

const marks: Readonly<Record<string, string>> = { completed: '[x]', in_progress: '[>]', pending: '[ ]' };

const after = (output: string | undefined): string =>
  output === undefined || output.trim() === '' ? '' : `: ${output.trim().split('\n')[0]}`;

function approvalText(request: Extract<TurnPart, { part: 'approval' }>['request']): string {
  const { id, state } = request;
  const title = askedText(request);
  switch (state) {
    case 'Pending':
      return `asks for permission: ${title}. agentctl approve ${id}, or agentctl deny ${id}`;
    case 'Approved':
      return `approved: ${title}`;
    case 'Denied':
      return `denied: ${title}`;
    case 'Expired':
      return `denied after the timeout: ${title}`;
    case 'Cancelled':
      return `no longer needed: ${title}`;
  }
}

import { askedText } from '../../api/approval-text.ts';
import type { TurnEvent } from '../../protocols/talk.ts';

/** The text for an event: a piece of the answer, or a separate line. Undefined: nothing. */
export type Told = { text: string } | { line: string };

interface Tool {
  title: string;
  kind: string | undefined;
}

/**
 * Returns a function that describes each event. It remembers the tool calls that were shown, so that only changes are
 * shown.
 */
export function teller(): (event: TurnEvent) => Told | undefined {
  const tools = new Map<string, Tool>();
  return (event) => {
    switch (event.type) {
      case 'text':
        return { text: event.text };
      case 'tool': {
        const known = tools.get(event.id);
        const { title = known?.title ?? event.id, kind = known?.kind } = event;
        tools.set(event.id, { title, kind });
        const name = kind === undefined ? title : `${kind}: ${title}`;
        if (event.status === 'failed') return { line: `* ${name}: failed${after(event.output)}` };
        // Some agents report only later what exactly they do.
        return known?.title === title ? undefined : { line: `* ${name}` };
      }
      case 'plan':
        return {
          line: `plan: ${event.entries.map(({ content, status }) => `${marks[status] ?? '-'} ${content}`).join('; ')}`,
        };
      case 'approval':
        return { line: approvalText(event) };
      case 'background':
        return event.done === true ? { line: `${event.source}: done in the background` } : undefined;
      case 'note':
        return { line: event.text };
      case 'thought':
      case 'other':
        return undefined;
    }
  };
}

const marks: Readonly<Record<string, string>> = { completed: '[x]', in_progress: '[>]', pending: '[ ]' };

const after = (output: string | undefined): string =>
  output === undefined || output.trim() === '' ? '' : `: ${output.trim().split('\n')[0]}`;

function approvalText(event: Extract<TurnEvent, { type: 'approval' }>): string {
  const { id, state } = event;
  const title = askedText(event);
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

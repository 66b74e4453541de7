import type { Message } from '../api/objects.ts';
import { askedText, visibleLine } from '../api/text.ts';
import type { StreamEntry } from '../client/streams.ts';
import { type TurnPart, TurnView } from '../views/conversation-view.ts';
import type { Cli } from './cli.ts';
import { exitCode } from './failure.ts';
import { progress } from './print/progress-lines.ts';
import { rawIf } from './print/shown.ts';
import { dim } from './print/text-table.ts';

/** Prints a turn as it arrives. */
interface Voice {
  print(entry: StreamEntry): void;
  /** Call before anything else is printed: clears hints, and ends an incomplete line. */
  pause(): void;
}

/**
 * Prints the answer to standard output and everything else to standard error. `quiet`: prints the answer only at its
 * end. `raw`: prints the answer unchanged.
 */
export function voice(
  cli: Cli,
  { quiet = false, raw = false }: { quiet?: boolean; raw?: boolean } = {},
): Voice {
  const { terminal } = cli;
  const hint = progress(cli);
  const turn = new TurnView();
  let spoken = '';
  let open = false;
  let state = '';
  const print = (text: string): void => {
    if (text === '') return;
    hint.clear();
    cli.out(rawIf(raw, text));
    open = !text.endsWith('\n');
  };
  const endLine = (): void => {
    hint.clear();
    if (open) cli.out('\n');
    open = false;
  };
  const beside = (line: string): void => {
    if (terminal.out && terminal.err) endLine();
    hint.clear();
    cli.err([dim(visibleLine(line), terminal.err && terminal.color), '\n']);
  };
  return {
    pause: endLine,
    print(entry) {
      if ('end' in entry) {
        const rest = restOf(entry.end, spoken, quiet);
        if (rest !== '' && open) endLine();
        print(rest);
        endLine();
        const { state, stopReason = 'end_turn' } = entry.end.status ?? {};
        if (state === 'Completed' && stopReason !== 'end_turn') beside(`stopped: ${stopReason}`);
        return;
      }
      if ('state' in entry) {
        if (open) return;
        const text = waitText(entry);
        if (text === undefined) return hint.clear();
        if (terminal.err) hint.show(text);
        else if (text !== state) cli.err(`${visibleLine(text)}\n`);
        state = text;
        return;
      }
      const part = turn.take(entry);
      if (part === undefined) {
        if (entry.event.type === 'thought' && !open) hint.show('thinks');
        return;
      }
      if (part.part !== 'text') {
        if (!quiet || part.part === 'approval' || part.part === 'note') beside(partLine(part));
        return;
      }
      spoken += part.text;
      if (!quiet) print(part.text);
    },
  };
}

/** The final answer is authoritative: prints what it has in addition to the streamed text. */
function restOf({ status }: Message, spoken: string, quiet: boolean): string {
  // The text of a refused or interrupted turn is there too.
  if (status?.state !== 'Completed' && status?.answer === undefined) return '';
  const { answer = spoken } = status;
  return !quiet && (answer.trim() === '' || spoken.includes(answer.trim())) ? '' : answer;
}

function waitText(entry: Extract<StreamEntry, { state: unknown }>): string | undefined {
  switch (entry.state) {
    case 'Pending':
      return entry.message ?? 'waiting for an instance';
    case 'Delivered':
      return entry.message ?? 'delivered';
    case 'Acknowledged':
      return entry.message ?? 'in progress';
    case 'Completed':
    case 'Failed':
    case 'Expired':
      return undefined;
  }
}

/** Reasons of turns that the agent itself ended without an answer, or with an incomplete one. */
const unfinished: ReadonlySet<string> = new Set(['Refusal', 'MaxTokens', 'MaxTurnRequests', 'EmptyAnswer']);

/** Returns the exit code for an ended message. */
export function outcomeCode({ status }: Message): number {
  if (status?.state === 'Completed') return exitCode.ok;
  return unfinished.has(status?.reason ?? '') ? exitCode.unfinished : exitCode.failed;
}

/** Returns why an ended message has no answer, and the remedy. */
export function outcomeText(
  { metadata: { name }, status = {} }: Message,
  { removed = false }: { removed?: boolean } = {},
): string {
  const { state = 'Pending', reason, message } = status;
  const said = message !== undefined && removed ? withoutCommands(message) : message;
  const why = [reason, said].filter((part) => part !== undefined && part !== '').join(': ');
  // Not if the reason already says so, or if the conversation is closed.
  const retry = `agentctl messages retry ${name}`;
  const again =
    removed || message?.includes(retry) === true || reason === 'SessionLost'
      ? ''
      : `. Send it again: ${retry}`;
  const what = state === 'Expired' ? 'expired' : state === 'Failed' ? 'failed' : `is ${state}`;
  return `message/${name} ${what}${why === '' ? '' : `: ${why.replace(/\.$/, '')}`}. Details: agentctl messages describe ${name}${again}`;
}

/** Removes the sentences that recommend a command, for an object that no longer exists. */
export const withoutCommands = (text: string): string =>
  text
    .split(/(?<=[.!?])\s+/)
    .filter((part) => !/\bagentctl [a-z]/.test(part))
    .join(' ');

/** What to do with a message that continues without this command. */
export const goesOnText = (name: string): string =>
  `message/${name} continues. Follow it: agentctl messages follow ${name}. Cancel it: agentctl messages cancel ${name}\n`;

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

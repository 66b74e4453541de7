import type { Message } from '../../api/objects.ts';
import { visibleLine } from '../../api/text.ts';
import type { StreamEntry } from '../../client/streams.ts';
import { TurnView } from '../../views/conversation-view.ts';
import type { Cli } from '../cli.ts';
import { dim } from '../print/color.ts';
import { progress } from '../print/progress-lines.ts';
import { rawIf } from '../print/shown.ts';
import { partLine } from './part-line.ts';

/** Prints a turn as it arrives. */
export interface Voice {
  tell(entry: StreamEntry): void;
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
    tell(entry) {
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

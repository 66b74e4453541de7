import { visibleLine } from '../../api/visible.ts';
import type { StreamEntry } from '../../client/streams.ts';
import type { TurnEvent } from '../../protocols/talk.ts';
import { when } from '../print/when.ts';
import { teller } from './event-text.ts';

type EventEntry = Extract<StreamEntry, { event: TurnEvent }>;

/** Only what happened begins a line with a time: words that do so, too, stand further in. */
const asWords = (line: string): string => (/^\[\d\d:/.test(line) ? `  ${line}` : line);

/** What happened in a turn, for reading: the agent's words, and between them what it did, with its time. */
export function transcript(entries: readonly EventEntry[], indent = '  '): string {
  const say = teller();
  const lines: string[] = [];
  let words = '';
  const flush = (): void => {
    if (words.trim() !== '') lines.push(...words.trim().split('\n').map(asWords));
    words = '';
  };
  for (const { at, event } of entries) {
    const told = say(event);
    if (told === undefined) continue;
    if ('text' in told) words += told.text;
    else {
      flush();
      lines.push(`[${when(at).slice(11, 19)}] ${visibleLine(told.line)}`);
    }
  }
  flush();
  return lines.map((line) => `${indent}${line}`.trimEnd()).join('\n') + (lines.length === 0 ? '' : '\n');
}

import type { Message } from '../../api/objects.ts';
import { exitCode } from '../failure.ts';

const final: ReadonlySet<string> = new Set(['Completed', 'Failed', 'Expired']);
export const isEnded = ({ status }: Pick<Message, 'status'>): boolean =>
  final.has(status?.state ?? 'Pending');

/** Reasons of turns that the agent has ended by itself, with an answer that is none, or not all of one. */
const unfinished: ReadonlySet<string> = new Set(['Refusal', 'MaxTokens', 'MaxTurnRequests', 'EmptyAnswer']);

/** How a message that has ended makes the process end. */
export function outcomeCode({ status }: Message): number {
  if (status?.state === 'Completed') return exitCode.ok;
  return unfinished.has(status?.reason ?? '') ? exitCode.unfinished : exitCode.failed;
}

/** Why it has no answer, and what can be done. Undefined where it has one. */
export function outcomeText(
  { metadata: { name }, status = {} }: Message,
  { removed = false }: { removed?: boolean } = {},
): string | undefined {
  const { state = 'Pending', reason, message } = status;
  if (state === 'Completed') return undefined;
  const said = message !== undefined && removed ? withoutCommands(message) : message;
  const why = [reason, said].filter((part) => part !== undefined && part !== '').join(': ');
  // Not where it says so already, nor where its conversation is closed.
  const retry = `agentctl messages retry ${name}`;
  const again = removed || why.includes(retry) || reason === 'SessionLost' ? '' : `. Send it again: ${retry}`;
  const what = state === 'Expired' ? 'expired' : state === 'Failed' ? 'failed' : `is ${state}`;
  return `message/${name} ${what}${why === '' ? '' : `: ${why.replace(/\.$/, '')}`}. Details: agentctl messages describe ${name}${again}`;
}

/** Without the sentences that advise a command, for what is not there any more. */
export const withoutCommands = (text: string): string =>
  text
    .split(/(?<=[.!?])\s+/)
    .filter((part) => !/\bagentctl [a-z]/.test(part))
    .join(' ');

/** What a message that goes on without this command can be done with. */
export const goesOnText = (name: string): string =>
  `message/${name} continues. Follow it: agentctl messages follow ${name}. Cancel it: agentctl messages cancel ${name}\n`;

import type { Message } from '../../api/objects.ts';
import { exitCode } from '../failure.ts';

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

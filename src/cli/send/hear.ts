import { kindInfo } from '../../api/kinds.ts';
import { keyOf, type Message } from '../../api/objects.ts';
import type { Cli, Client } from '../cli.ts';
import { exitCode, UsageError } from '../failure.ts';
import { goesOnText, outcomeCode, outcomeText } from '../talk/message-outcome.ts';
import { voice } from '../talk/voice.ts';
import { objectName } from '../targets.ts';

export interface HearOptions {
  /** Prints text as it arrives; otherwise only the answer. */
  stream?: boolean;
  output?: 'json' | 'name';
  /** Its agent is removed afterwards, so the message cannot be sent again. */
  removed?: boolean;
  /** Prints the agent's answer unchanged. */
  raw?: boolean | undefined;
}

/** Follows a message until it ends, prints its answer, and sets the exit code. */
export async function hear(
  client: Client,
  message: Message,
  { stream = false, output, removed = false, raw = false }: HearOptions,
  cli: Cli,
): Promise<void> {
  if (stream && output === 'name') throw new UsageError('--stream cannot be combined with -o name');
  const spoken = voice(cli, { quiet: !stream, raw });
  for await (const entry of client.stream(keyOf(message), { signal: cli.signal })) {
    if (stream && output === 'json') cli.out(`${JSON.stringify(entry)}\n`);
    else if (output === undefined) spoken.tell(entry);
    if ('end' in entry) {
      spoken.pause();
      return ended(entry.end, { output: stream ? undefined : output, removed }, cli);
    }
  }
  spoken.pause();
  cli.err(goesOnText(message.metadata.name));
}

function ended(
  message: Message,
  { output, removed }: { output: HearOptions['output']; removed: boolean },
  cli: Cli,
): void {
  if (output === 'json') cli.out(`${JSON.stringify(message, null, 2)}\n`);
  if (output === 'name') cli.out(`${objectName(kindInfo('Message'), message.metadata.name)}\n`);
  cli.exitCode = outcomeCode(message);
  if (cli.exitCode !== exitCode.ok) cli.err(`error: ${outcomeText(message, { removed })}\n`);
}

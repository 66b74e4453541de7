import { keyOf, type Message } from '../../api/objects.ts';
import type { Cli, Client } from '../cli.ts';
import { describeFailure } from '../failure.ts';
import { goesOnText, outcomeText } from '../talk/outcome.ts';
import { voice } from '../talk/voice.ts';
import { Approvals } from './approvals.ts';
import type { Dialogue } from './dialogue.ts';

/** Shows a message's turn until it ends. `left`: whoever chats leaves before; the message goes on. */
export async function turn(
  client: Client,
  message: Message,
  dialogue: Dialogue,
  cli: Cli,
): Promise<'completed' | 'failed' | 'left'> {
  const { namespace, name } = message.metadata;
  const leaving = new AbortController();
  const signal = AbortSignal.any([cli.signal, leaving.signal]);
  const spoken = voice(cli);
  const interactive = cli.terminal.in && cli.terminal.out;
  const approvals = interactive ? new Approvals(client, namespace, dialogue, cli) : undefined;
  let cancelling = false;
  const cancel = (): void => {
    if (cancelling) {
      leaving.abort();
      return;
    }
    cancelling = true;
    spoken.pause();
    cli.err('cancelling; press Ctrl-C again to quit\n');
    client.change(keyOf(message), 'cancel').catch((error) => cli.err(`${describeFailure(error).text}\n`));
  };
  dialogue.onInterrupt(cancel);
  dialogue.onLine((line) => {
    const word = line.trim();
    if (word === '/cancel' && !cancelling) cancel();
    if (word === '/quit') leaving.abort();
    return word === '/cancel' || word === '/quit';
  });
  try {
    for await (const entry of client.stream(keyOf(message), { signal })) {
      if ('event' in entry && entry.event.type === 'approval' && approvals !== undefined) {
        spoken.pause();
        approvals.take(entry.event);
        if (entry.event.state === 'Pending') continue; // the question says it
      }
      if (dialogue.asks)
        dialogue.above(() => {
          spoken.tell(entry);
          spoken.pause();
        });
      else spoken.tell(entry);
      if (!('end' in entry)) continue;
      spoken.pause();
      const why = outcomeText(entry.end);
      if (why === undefined) return 'completed';
      cli.err(entry.end.status?.reason === 'Cancelled' ? 'cancelled\n' : `error: ${why}\n`);
      return 'failed';
    }
    spoken.pause();
    cli.err(goesOnText(name));
    return 'left';
  } finally {
    dialogue.onLine(() => false);
    await approvals?.end();
  }
}

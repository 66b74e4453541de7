import type { AnyObject } from '../../api/objects.ts';
import type { Cli, Client } from '../cli.ts';
import { exitCode } from '../failure.ts';
import { progress } from '../print/progress.ts';
import type { Selected } from '../select.ts';
import { type Judge, type Outcome, until } from './until.ts';

/** Waits for all, says of each how it ended, and answers the exit code: the worst of them. */
export async function reportWaits(
  client: Client,
  selected: readonly Selected[],
  judge: Judge<AnyObject>,
  done: string,
  timeout: number,
  cli: Cli,
): Promise<number> {
  const { clock, signal } = cli;
  const line = progress(cli);
  const waiting = new Map<string, string>();
  const tell = (): void => {
    const [first] = waiting;
    const more = waiting.size > 1 ? ` (and ${waiting.size - 1} more)` : '';
    if (first === undefined) line.clear();
    else line.show(`waiting for ${first[0]}${more}: ${first[1]}`);
  };
  const outcomes = await Promise.all(
    selected.map(async ({ info, key, text }) => {
      const onPending = (why: string): void => {
        waiting.set(text, why);
        tell();
      };
      const outcome = await until(client, info.kind, key, judge, { timeout, clock, signal, onPending });
      waiting.delete(text);
      line.clear();
      if (!signal.aborted) report(text, outcome, done, cli);
      tell();
      return outcome.result;
    }),
  );
  if (outcomes.includes('never')) return exitCode.unmet;
  return outcomes.includes('timedOut') ? exitCode.timedOut : exitCode.ok;
}

function report(text: string, outcome: Outcome, done: string, cli: Cli): void {
  if (outcome.result === 'met') cli.out(`${text} ${outcome.how ?? done}\n`);
  else if (outcome.result === 'timedOut') cli.err(`error: timed out waiting for ${text}: ${outcome.why}\n`);
  else cli.err(`error: ${text} can no longer get there: ${outcome.why}\n`);
}

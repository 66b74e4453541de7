import { isApiError } from '../../api/errors.ts';
import { kindInfo } from '../../api/kinds.ts';
import { type Agent, keyOf, type New, type ObjectKey } from '../../api/objects.ts';
import type { Cli, Client } from '../cli.ts';
import { keptVolumes, tellKept } from '../delete/volumes.ts';
import { CliError, describeFailure, exitCode } from '../failure.ts';
import { fieldManager } from '../patching.ts';
import { progress } from '../print/progress.ts';
import { hear } from '../send/hear.ts';
import { sendOne } from '../send/send.ts';
import { textToSend } from '../send/text.ts';
import { withoutCommands } from '../talk/outcome.ts';
import { deleted, readyAtOnce } from '../wait/conditions.ts';
import { until } from '../wait/until.ts';
import { type AgentOptions, agentToRun } from './manifest.ts';

export interface OneoffOptions extends AgentOptions {
  rm?: boolean;
  prompt?: string;
  raw?: boolean;
  timeout?: number;
  readyTimeout: number;
}

/** How long its end is waited for; the controller brings it about with or without us. */
const goneLimitMs = 60_000;

/** Makes an agent, sends it one prompt, prints the answer as it comes, and with --rm removes it, however that went. */
export async function oneoff(
  name: string | undefined,
  command: readonly string[],
  options: OneoffOptions,
  cli: Cli,
): Promise<void> {
  const agent = await agentToRun(name, command, options, cli);
  const text = await textToSend(options.prompt === undefined ? [] : [options.prompt], undefined, cli);
  const { signal } = cli; // from here on Ctrl-C and SIGTERM ask for an orderly end
  const client = await cli.connect(options, { start: true });
  const made = await create(client, agent);
  const key = keyOf(made);
  try {
    if (!(await isReady(client, key, options, cli))) return;
    const message = await sendOne(client, key, { text, from: cli.user(), timeout: options.timeout });
    await hear(client, message, { stream: true, raw: options.raw, removed: options.rm === true }, cli);
  } finally {
    if (options.rm === true) await remove(client, key, signal, cli);
    else
      cli.err(
        `agent/${key.name} keeps running. Continue: agentctl chat ${key.name} --continue. Delete it: agentctl delete agent ${key.name}\n`,
      );
  }
}

/** One that is there already is somebody's, and must not be removed after the answer. */
async function create(client: Client, agent: New<Agent>): Promise<Agent> {
  try {
    return await client.create('Agent', agent, { fieldManager, fieldValidation: 'Strict' });
  } catch (error) {
    if (!isApiError(error, 'AlreadyExists')) throw error;
    const { name } = agent.metadata;
    if (/^object is being deleted/.test(error.message))
      throw new CliError(
        `agent/${name} is being deleted. Wait for it: agentctl wait agent ${name} --for=delete`,
        { cause: error },
      );
    throw new CliError(
      `agent/${name} already exists. Chat with it: agentctl chat ${name}. To run another one, give it another name: agentctl run NAME`,
      { cause: error },
    );
  }
}

async function isReady(
  client: Client,
  key: ObjectKey,
  { readyTimeout: timeout, rm }: OneoffOptions,
  cli: Cli,
): Promise<boolean> {
  const line = progress(cli);
  const { clock, signal } = cli;
  const onPending = (why: string): void => line.show(`agent/${key.name}: ${why}`);
  const outcome = await until(client, { info: kindInfo('Agent'), key }, readyAtOnce, {
    timeout,
    clock,
    signal,
    onPending,
  });
  line.clear();
  if (signal.aborted) return false;
  if (outcome.result === 'met') return true;
  const what = outcome.result === 'never' ? 'cannot run' : `was not Ready within ${timeout / 1000}s`;
  const why = rm === true ? withoutCommands(outcome.why) : outcome.why;
  cli.err(`error: agent/${key.name} ${what}: ${why}\n`);
  cli.exitCode = exitCode.failed;
  return false;
}

/** Never throws: what went wrong before is what the caller is to hear of. */
async function remove(client: Client, key: ObjectKey, interrupted: AbortSignal, cli: Cli): Promise<void> {
  const line = progress(cli);
  try {
    const volumes = await keptVolumes(client, key, cli);
    await client.delete('Agent', key);
    if (!interrupted.aborted) {
      line.show(`deleting agent/${key.name}`);
      const how = { timeout: goneLimitMs, clock: cli.clock, signal: interrupted };
      const outcome = await until(client, { info: kindInfo('Agent'), key }, deleted, how);
      line.clear();
      if (outcome.result !== 'met') cli.err(`agent/${key.name} is still being deleted\n`);
    }
    tellKept({ key }, volumes, cli);
  } catch (error) {
    line.clear();
    cli.err(
      `error: agent/${key.name} could not be deleted: ${describeFailure(error).text.replace(/^error: /, '')}. Try again: agentctl delete agent ${key.name}\n`,
    );
    if (cli.exitCode === exitCode.ok) cli.exitCode = exitCode.failed;
  }
}

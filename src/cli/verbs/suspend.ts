import type { Command } from 'commander';
import { resumeAnnotation } from '../../api/annotations.ts';
import { findKind } from '../../api/kinds.ts';
import type { Kind } from '../../api/objects.ts';
import { patchEach } from '../changing.ts';
import type { Cli } from '../cli.ts';
import { UsageError } from '../failure.ts';
import { examples } from '../flags.ts';
import type { SelectOptions } from '../select-objects.ts';
import { parseAgentTargets, requireKind, type Target } from '../targets.ts';

const switchable = ['Agent', 'Sync'] as const;

export function define(command: Command, cli: Cli): void {
  command
    .description(
      "Stop agents until 'agentctl resume'. Instances keep their names and volumes. A suspended sync applies nothing; the objects that it has applied stay as they are.",
    )
    .usage('[options] <agent...>')
    .argument('[agent...]', 'such as web, agent/web, agents, sync/fleet')
    .option('-l, --selector <labels>', 'select agents or syncs with these labels')
    .option('--all', 'select all agents or syncs in the namespace')
    .action((words: string[], options: SelectOptions) =>
      patchEach(parseSwitchTargets(words, options, switchable, 'suspend'), options, cli, 'suspended', () => ({
        spec: { suspend: true },
      })),
    );
  examples(
    command,
    ['Stop one agent', 'agentctl suspend web'],
    ['Stop all agents of a team', 'agentctl suspend agents -l team=research'],
    ['Pause a sync', 'agentctl suspend sync/fleet'],
  );
}

export function defineResume(command: Command, cli: Cli): void {
  command
    .description(
      'Start agents again after a suspend, or after too many failures; their failure and restart counts are reset. For a Runtime, close its circuit breaker. For a sync, continue to follow its source.',
    )
    .usage('[options] <agent...>')
    .argument('[agent...]', 'such as web, agent/web, agents, runtime/docker, sync/fleet')
    .option('-l, --selector <labels>', 'select agents or syncs with these labels')
    .option('--all', 'select all agents or syncs in the namespace')
    .action((words: string[], options: SelectOptions) => {
      const annotations = { [resumeAnnotation]: new Date(cli.clock.now()).toISOString() };
      const targets = parseSwitchTargets(words, options, ['Agent', 'Runtime', 'Sync'], 'resume');
      return patchEach(targets, options, cli, 'resumed', ({ info }) => ({
        ...(info.kind === 'Sync' ? {} : { metadata: { annotations } }),
        ...(info.kind === 'Runtime' ? {} : { spec: { suspend: false } }),
      }));
    });
  examples(
    command,
    ['Start a suspended or failed agent', 'agentctl resume web'],
    ['Close the circuit breaker of a Runtime', 'agentctl resume runtime/docker'],
    ['Continue a sync', 'agentctl resume sync/fleet'],
  );
}

/** Parses what to suspend or resume: agents by name alone, and objects of these kinds. */
function parseSwitchTargets(
  words: readonly string[],
  options: SelectOptions,
  kinds: readonly Kind[],
  verb: string,
): Target[] {
  requireKind(words, options, verb);
  const [word = '', second] = words;
  const alone = second === undefined && options.selector === undefined && options.all !== true;
  const kind = alone ? findKind(word) : undefined;
  if (kind !== undefined && kinds.includes(kind.kind) && word !== kind.plural) {
    const more = word === 'agent' ? '' : `; for an agent with that name, use agent/${word}`;
    throw new UsageError(`${word} is a kind: add a name, such as ${kind.singular}/NAME${more}`);
  }
  const targets = parseAgentTargets(words, options);
  const other = targets.find(({ info }) => !kinds.includes(info.kind));
  if (other === undefined) return targets;
  const expected = kinds.map((kind) => kind.toLowerCase()).join(', ');
  throw new UsageError(`found ${other.info.singular}, expected one of ${expected}, as in agent/web`);
}

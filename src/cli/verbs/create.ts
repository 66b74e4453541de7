import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { type CreateOptions, createFromFiles, createOne } from '../create/create.ts';
import { type DataOptions, literalsOf } from '../create/data.ts';
import { examples } from '../examples.ts';
import { choice, collect } from '../options.ts';

const withWriting = (command: Command): Command =>
  command
    .addOption(
      choice('--dry-run [where]', 'write nothing', ['none', 'client', 'server'])
        .preset('client')
        .default('none'),
    )
    .addOption(choice('-o, --output <format>', 'how to print it', ['json', 'yaml', 'name']));

const withData = (command: Command): Command =>
  withWriting(command)
    .option('--from-literal <key=value>', 'a key and its value; may be given again', collect)
    .option(
      '--from-file <[key=]path>',
      'a file, by its name or another key; or each file of a folder',
      collect,
    )
    .option('--from-env-file <file>', 'lines of KEY=value', collect);

export function define(command: Command, cli: Cli): void {
  withWriting(
    command
      .description('Make an object from a file, or a secret, a configmap or a namespace from flags.')
      .usage('-f FILE | secret generic NAME | configmap NAME | namespace NAME')
      .option('-f, --filename <file>', 'a file, a folder, a URL, or - for standard input', collect)
      .option('-k, --kustomize <folder>', 'what kustomize makes of a folder, by kustomize or kubectl'),
  ).action((options: CreateOptions) => createFromFiles(options, cli));

  const secret = command.command('secret').description('Make a secret');
  const generic = withData(
    secret.command('generic').description('Make a secret from values, files or env files'),
  )
    .argument('<name>')
    .option('--type <type>', 'what it is for', 'Opaque')
    .action(async (name: string, options: CreateOptions & DataOptions & { type: string }) => {
      const data = await literalsOf(options, cli, 'base64');
      await createOne('Secret', name, { type: options.type, ...data }, options, cli);
    });
  examples(
    generic,
    ['From a value', 'agentctl create secret generic model --from-literal=API_KEY=...'],
    [
      'From a file, so that no shell history keeps it',
      'agentctl create secret generic model --from-file=API_KEY=./key.txt',
    ],
  );
  withData(
    command.command('configmap').alias('cm').description('Make a configmap from values, files or env files'),
  )
    .argument('<name>')
    .action(async (name: string, options: CreateOptions & DataOptions) => {
      await createOne('ConfigMap', name, await literalsOf(options, cli, 'text'), options, cli);
    });
  withWriting(command.command('namespace').alias('ns').description('Make a namespace'))
    .argument('<name>')
    .action((name: string, options: CreateOptions) => createOne('Namespace', name, {}, options, cli));
  examples(command, ['A secret', 'agentctl create secret generic model --from-literal=API_KEY=...']);
}

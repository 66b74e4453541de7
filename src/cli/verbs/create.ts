import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { type CreateOptions, createFromFiles, createOne } from '../create/create.ts';
import { type DataOptions, literalsOf } from '../create/data.ts';
import { examples } from '../examples.ts';
import { choice, collect } from '../options.ts';

const withWriting = (command: Command): Command =>
  command
    .addOption(
      choice('--dry-run [where]', 'check only, change nothing', ['none', 'client', 'server'])
        .preset('client')
        .default('none'),
    )
    .addOption(choice('-o, --output <format>', 'the output format', ['json', 'yaml', 'name']));

const withData = (command: Command): Command =>
  withWriting(command)
    .option('--from-literal <key=value>', 'a key and its value; can be repeated', collect)
    .option(
      '--from-file <[key=]path>',
      'a file, by its name or another key, or all files of a folder',
      collect,
    )
    .option('--from-env-file <file>', 'a file with lines KEY=value', collect);

export function define(command: Command, cli: Cli): void {
  withWriting(
    command
      .description('Create objects from a file, or a secret, a configmap or a namespace from options.')
      .usage('-f FILE | secret generic NAME | configmap NAME | namespace NAME')
      .option('-f, --filename <file>', 'a file, a folder, a URL, or - for standard input', collect)
      .option('-k, --kustomize <folder>', 'a folder with a kustomization.yaml; needs kustomize or kubectl'),
  ).action((options: CreateOptions) => createFromFiles(options, cli));

  const secret = command.command('secret').description('Create a secret');
  const generic = withData(
    secret.command('generic').description('Create a secret from values, files or env files'),
  )
    .argument('<name>')
    .option('--type <type>', 'the type of the secret', 'Opaque')
    .action(async (name: string, options: CreateOptions & DataOptions & { type: string }) => {
      const data = await literalsOf(options, cli, 'base64');
      await createOne('Secret', name, { type: options.type, ...data }, options, cli);
    });
  examples(
    generic,
    ['From a value', 'agentctl create secret generic model --from-literal=API_KEY=...'],
    [
      'From a file, to keep the value out of the shell history',
      'agentctl create secret generic model --from-file=API_KEY=./key.txt',
    ],
  );
  withData(
    command
      .command('configmap')
      .alias('cm')
      .description('Create a configmap from values, files or env files'),
  )
    .argument('<name>')
    .action(async (name: string, options: CreateOptions & DataOptions) => {
      await createOne('ConfigMap', name, await literalsOf(options, cli, 'text'), options, cli);
    });
  withWriting(command.command('namespace').alias('ns').description('Create a namespace'))
    .argument('<name>')
    .action((name: string, options: CreateOptions) => createOne('Namespace', name, {}, options, cli));
  examples(command, ['A secret', 'agentctl create secret generic model --from-literal=API_KEY=...']);
}

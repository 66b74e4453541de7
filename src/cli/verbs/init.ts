import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { examples } from '../examples.ts';
import { CliError } from '../failure.ts';
import { firstManifest } from '../first-manifest.ts';
import type { GlobalOptions } from '../options.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Write a first manifest to edit: an agent that runs as it stands, with what else there is in comments.',
    )
    .argument('[file]', 'where to write it', 'agents.yaml')
    .option('--stdout', 'print it instead')
    .action((file: string, { stdout }: GlobalOptions & { stdout?: boolean }) => {
      if (stdout === true) return cli.out(firstManifest);
      try {
        writeFileSync(file, firstManifest, { flag: 'wx' });
      } catch (cause) {
        const exists = (cause as NodeJS.ErrnoException).code === 'EEXIST'; // writeFileSync fails with nothing else
        throw new CliError(
          exists
            ? `${file} exists already, and is left as it is: name another file, or use --stdout`
            : `${file} cannot be written: ${String(cause)}`,
          { cause },
        );
      }
      cli.out(`wrote ${file}. Edit it, then: agentctl apply -f ${file}\n`);
    });
  examples(command, ['In this folder', 'agentctl init'], ['To read it first', 'agentctl init --stdout']);
}

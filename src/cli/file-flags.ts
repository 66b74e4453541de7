import type { Command } from 'commander';
import { collect } from './options.ts';

/** -f, -k and -R, by which a verb is told what manifests to read. */
export const fileFlags = (
  command: Command,
  files = 'a file, a folder, a URL, or - for standard input; can be repeated',
): Command =>
  command
    .option('-f, --filename <file>', files, collect)
    .option('-k, --kustomize <folder>', 'a folder with a kustomization.yaml; needs kustomize or kubectl')
    .option('-R, --recursive', 'read folders with their subfolders')
    .configureOutput({
      outputError: (text, write) =>
        write(text.replace(/(too many arguments.*?)\.?\n/, `$1. ${named(command)}\n`)),
    });

/** What a word that stands alone may have been meant as. */
const named = (command: Command): string =>
  command.options.some(({ long }) => long === '--sync')
    ? 'Specify a sync with --sync NAME, and files with -f.'
    : 'Specify files with -f.';

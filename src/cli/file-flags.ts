import type { Command } from 'commander';
import { collect } from './global-options.ts';

/** Adds -f, -k and -R, which name the manifests to read. */
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

/** Suggests what a word without a flag may have meant. */
const named = (command: Command): string =>
  command.options.some(({ long }) => long === '--sync')
    ? 'Specify a sync with --sync NAME, and files with -f.'
    : 'Specify files with -f.';

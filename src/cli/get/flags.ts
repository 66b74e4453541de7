import type { Command } from 'commander';

/** The flags of everything that lists objects. */
export const withGetFlags = (command: Command): Command =>
  command
    .option('-o, --output <format>', 'json, yaml, name, wide, jsonpath=..., custom-columns=...')
    .option('-w, --watch', 'go on with each change')
    .option('--watch-only', 'only changes, not what is there')
    .option('-l, --selector <labels>', 'only objects with these labels, as in app=web,tier!=test')
    .option('--field-selector <fields>', 'only objects with these fields, as in metadata.name=web')
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('--sort-by <path>', 'sort by a field, as in .metadata.creationTimestamp')
    .option('--no-headers', 'leave the header line out')
    .option('--show-labels', 'a column with the labels')
    .option('--show-kind', 'name objects as kind/name')
    .option('--show-managed-fields', 'keep metadata.managedFields in json and yaml')
    .option('--ignore-not-found', 'succeed, and say nothing, where an object does not exist');

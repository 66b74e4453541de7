import type { Command } from 'commander';

/** Adds the flags of all verbs that list objects. */
export const withGetFlags = (command: Command): Command =>
  command
    .option('-o, --output <format>', 'json, yaml, name, wide, jsonpath=..., custom-columns=...')
    .option('-w, --watch', 'keep watching for changes')
    .option('--watch-only', 'show only changes, not the current objects')
    .option('-l, --selector <labels>', 'only objects with these labels, such as app=web,tier!=test')
    .option('--field-selector <fields>', 'only objects with these fields, such as metadata.name=web')
    .option('-A, --all-namespaces', 'in all namespaces')
    .option('--sort-by <path>', 'sort by a field, such as .metadata.creationTimestamp')
    .option('--no-headers', 'print no header line')
    .option('--show-labels', 'show the labels in a column')
    .option('--show-kind', 'print names as kind/name')
    .option('--show-managed-fields', 'include metadata.managedFields in json and yaml')
    .option('--ignore-not-found', 'print nothing and succeed if an object does not exist');

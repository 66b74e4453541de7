import { Command } from 'commander';
import { expect, test } from 'vitest';
import type { Cli } from '../../src/cli/cli.ts';
import { topics } from '../../src/cli/help.ts';
import { verbs } from '../../src/cli/verbs.ts';
import { golden, session, useShell } from './support.ts';

const shell = useShell();

/** The words of every verb and of every verb below it. */
async function everyVerb(): Promise<string[][]> {
  const cli = {} as Cli; // to define a verb does not use it
  const paths: string[][] = [];
  for (const verb of verbs) {
    const command = new Command(verb.name);
    (await verb.load()).define(command, cli);
    paths.push(...pathsOf(command));
  }
  return paths;
}

const pathsOf = (command: Command): string[][] => [
  [command.name()],
  ...command.commands.flatMap(pathsOf).map((path) => [command.name(), ...path]),
];

test('the help of every verb and topic reads so', async () => {
  const first = await session(shell, [['--help']]);
  const [, globals = ''] = /^(Global options:\n(?: .*\n)+)/m.exec(first) ?? [];
  const pages = await session(shell, [
    ...(await everyVerb()).map((path) => [...path, '--help']),
    ...Object.keys(topics).map((topic) => ['help', topic]),
  ]);
  const text = first + pages.replaceAll(`\n${globals}`, ''); // they are on every page
  expect(text).not.toMatch(/ +\n/); // no trailing spaces
  await expect(text).toMatchFileSnapshot(golden('help'));
});

import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { defineMarking } from '../marking.ts';

export const define = (command: Command, cli: Cli): void =>
  defineMarking(command, cli, 'annotations', 'annotated', 'example.com/owner=ann');

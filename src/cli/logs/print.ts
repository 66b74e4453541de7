import { keyText } from '../../api/objects.ts';
import type { Cli } from '../cli.ts';
import { CliError } from '../failure.ts';
import type { GlobalOptions } from '../global-options.ts';
import { dim } from '../print/color.ts';
import { AsIs, rawIf, type Text } from '../print/shown.ts';
import type { Said } from './log-sources.ts';

/** The colors of prefixes, in turn. Red is reserved for errors. */
const palette = [36, 32, 33, 35, 34, 96, 92, 93, 95, 94].map((code) => new AsIs(`\u001b[${code}m`));
const plain = new AsIs('\u001b[39m');

/** Prints entries: output to standard output, notes to standard error. */
export class Printer {
  readonly #options: LogsOptions;
  readonly #cli: Cli;
  readonly #colors = new Map<string, AsIs | undefined>();
  #prefix: boolean;

  constructor(options: LogsOptions, cli: Cli, areMany: boolean) {
    this.#options = options;
    this.#cli = cli;
    this.#prefix = options.prefix ?? areMany;
  }

  /** Sets the number of instances. More than one enables the prefix, unless --no-prefix. */
  expect(count: number): void {
    if (count > 1) this.#prefix = this.#options.prefix ?? true;
  }

  print({ from, stream, at, text }: Said): void {
    const { raw, timestamps, allNamespaces } = this.#options;
    const time = timestamps === true ? `${at === undefined ? '-' : new Date(at).toISOString()} ` : '';
    const name = allNamespaces === true ? keyText(from.metadata) : from.metadata.name;
    if (stream === 'note') {
      this.note(`${time}${name}: ${text}`);
      return;
    }
    // Each entry is one line with its own prefix.
    const line = raw === true ? text : text.replaceAll('\n', '\\n');
    this.#cli.out([this.#prefix ? this.#tag(name) : '', time, rawIf(raw, line), '\n']);
  }

  note(text: string): void {
    const { terminal } = this.#cli;
    this.#cli.err([dim(`--- ${text}`, terminal.err && terminal.color), '\n']);
  }

  #tag(name: string): Text {
    if (!this.#cli.terminal.color) return `[${name}] `;
    let color = this.#colors.get(name);
    if (color === undefined) {
      color = palette[this.#colors.size % palette.length] ?? plain;
      this.#colors.set(name, color);
    }
    return [color, `[${name}]`, plain, ' '];
  }
}

export interface LogsOptions extends GlobalOptions {
  follow?: boolean;
  previous?: boolean;
  since?: number;
  sinceTime?: string;
  tail?: number;
  timestamps?: boolean;
  /** Defaults to true for more than one instance. */
  prefix?: boolean;
  selector?: string;
  all?: boolean;
  allNamespaces?: boolean;
  maxLogRequests: number;
  raw?: boolean;
}

export function checkCount(count: number, most: number): void {
  if (count <= most) return;
  throw new CliError(
    `found ${count} instances, but at most ${most} can be read at once: select fewer, or raise --max-log-requests`,
  );
}

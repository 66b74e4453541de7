import { visible } from '../../api/text.ts';

/** Text that is printed unchanged: our own terminal sequences, or the text of `--raw`. */
export class AsIs {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Text to print: each string in it is filtered. */
export type Text = string | AsIs | readonly Text[];

/**
 * The filter of everything that the command line prints. It is applied where text leaves the process, so nothing can
 * bypass it.
 */
export const shown = (text: Text): string =>
  typeof text === 'string' ? visible(text) : text instanceof AsIs ? text.text : text.map(shown).join('');

/** `--raw`: the text unchanged. */
export const rawIf = (raw: boolean | undefined, text: string): Text => (raw === true ? new AsIs(text) : text);

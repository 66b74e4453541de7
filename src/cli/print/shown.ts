import { visible } from '../../api/visible.ts';

/** Text that is printed as it is: a sequence of our own for the terminal, or what `--raw` asks for. */
export class AsIs {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What is printed: each string in it passes the filter. */
export type Text = string | AsIs | readonly Text[];

/** The filter of all that the command line prints. It stands where text leaves the process, so nothing goes around it. */
export const shown = (text: Text): string =>
  typeof text === 'string' ? visible(text) : text instanceof AsIs ? text.text : text.map(shown).join('');

/** `--raw`: the text as it is. */
export const rawIf = (raw: boolean | undefined, text: string): Text => (raw === true ? new AsIs(text) : text);

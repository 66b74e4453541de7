import { beginning } from '../../api/cut.ts';

/** In characters. */
const longest = 4 * 1024 * 1024;

/** An answer that came whole, as it is kept. */
export function bounded(answer: string | undefined): string | undefined {
  if (answer === undefined || answer.length <= longest) return answer;
  return `${beginning(answer, longest)}\n[agentctl: cut here; the answer has ${answer.length} characters]`;
}

/** The text of an answer as it comes; of a longer one its beginning. All of it stands in the events of its message. */
export class Answer {
  #parts: string[] = [];
  #length = 0;

  /** Whether all of the next text may be cut away. */
  get full(): boolean {
    return this.#length >= longest;
  }

  add(text: string): void {
    const room = longest - this.#length;
    if (room > 0) this.#parts.push(beginning(text, room));
    this.#length += text.length;
  }

  clear(): void {
    this.#parts = [];
    this.#length = 0;
  }

  toString(): string {
    const cut = this.#length - longest;
    const note = cut > 0 ? `\n[agentctl: cut here; ${cut} more characters are in the message's events]` : '';
    return this.#parts.join('') + note;
  }
}

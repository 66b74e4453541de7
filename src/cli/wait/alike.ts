import type { Selected } from '../select.ts';

/** Of each cause so many objects are named. */
const most = 10;

/** Prints what became of objects; of those with the same cause the first ten, and how many more there are. */
export class Alike {
  readonly #err: (text: string) => void;
  readonly #counts = new Map<string, number>();

  constructor(err: (text: string) => void) {
    this.#err = err;
  }

  /** `head` is the line up to `why`, which may name the object. */
  say(each: Selected, head: string, why: string): void {
    const kind = `${head.replaceAll(each.text, '')}\n${causeOf(each, why)}`;
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    if (count <= most) this.#err(`${head}: ${why}\n`);
  }

  /** Counts those that were not printed. */
  end(): void {
    for (const [kind, count] of this.#counts) {
      const cause = kind.slice(kind.indexOf('\n') + 1);
      if (count > most) this.#err(`... and ${count - most} more: ${cause}\n`);
    }
    this.#counts.clear();
  }
}

/** The beginning of a text such as `Ready is False: ImagePull: web-0: ...`: what follows differs by object and time. */
const causeOf = ({ key }: Selected, why: string): string =>
  why
    .replaceAll(` ${key.name} `, ' ')
    .split(/: |[.;] /)
    .slice(0, 2)
    .join(': ');

import type { Open } from './open.ts';

/** Messages in the order of their acceptance. Nearly all are added at the end and taken from the front. */
export class Lane {
  /** Sorted by `order`; those before #first are gone. */
  #items: (Open | undefined)[] = [];
  #first = 0;

  get size(): number {
    return this.#items.length - this.#first;
  }

  peek(): Open | undefined {
    return this.#items[this.#first];
  }

  add(open: Open): void {
    let at = this.#items.length;
    while (at > this.#first && (this.#items[at - 1]?.order ?? 0) > open.order) at -= 1;
    this.#items.splice(at, 0, open);
  }

  remove(open: Open): boolean {
    if (this.peek() === open) {
      this.#items[this.#first] = undefined;
      this.#first += 1;
      if (this.#first > 1_000 && this.#first * 2 > this.#items.length) {
        this.#items = this.#items.slice(this.#first);
        this.#first = 0;
      }
      return true;
    }
    const at = this.#items.indexOf(open, this.#first);
    if (at < 0) return false;
    this.#items.splice(at, 1);
    return true;
  }
}

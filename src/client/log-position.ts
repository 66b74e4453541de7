/** How far a log was read, based on the times of its lines. */
export class LogPosition {
  /** The time of the last line. */
  since: number | undefined;
  /** How many lines had that time. */
  #count = 0;
  #skip = 0;
  #isUntimed = false;

  /** Returns false for a line that was returned before the log was reopened. */
  isNew({ at }: { at?: number | undefined }): boolean {
    if (at === undefined) {
      this.#isUntimed = true;
      return true;
    }
    if (this.#skip > 0 && this.since !== undefined && at <= this.since) {
      if (at === this.since) this.#skip -= 1;
      return false;
    }
    this.#skip = 0;
    this.#count = at === this.since ? this.#count + 1 : 1;
    this.since = at;
    return true;
  }

  /** Lines without times cannot be found again. */
  get canReopen(): boolean {
    return !this.#isUntimed;
  }

  /** The log is now read again from `since`. */
  reopen(): void {
    this.#skip = this.#count;
  }
}

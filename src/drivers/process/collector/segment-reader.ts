import { fstatSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { isCode } from '../../../platform/code.ts';
import { namesIn } from '../layout.ts';
import { maxRecordBytes, segmentNumbers } from './log-segments.ts';

/** A place in the log of one run: an offset in bytes within a segment. */
export interface Position {
  segment: number;
  offset: number;
}

/** Consecutive whole records. */
export interface Piece extends Position {
  bytes: Buffer;
  /** Output before it may have been lost, because a segment was deleted or truncated. */
  gap: boolean;
}

/**
 * How much one read returns. A small read of fresh output, which is in the page cache, takes 10 microseconds; the
 * thread pool would take longer. If a read returns the maximum, the next one uses the pool, so that a flood does not
 * delay other work.
 */
const smallBytes = 2 * maxRecordBytes;
const largeBytes = 4 * maxRecordBytes;
/** Shared by all readers, so that an idle reader needs no buffer. */
const space = Buffer.allocUnsafeSlow(smallBytes);

/** Reads the log of one run while it grows, segment by segment. */
export class SegmentReader {
  readonly #folder: string;
  #at: Position;
  #file: FileHandle | undefined;
  #gap = false;
  /** What an earlier controller left unread may be long, and on a slow disk. */
  #behind = true;
  #isLast = true;
  #isClosed = false;

  constructor(folder: string, from: Position) {
    this.#folder = folder;
    this.#at = { ...from };
  }

  /** Returns undefined if there is nothing new, or if it is closed. */
  async next(): Promise<Piece | undefined> {
    for (;;) {
      await this.open();
      if (this.#isClosed) return undefined;
      const piece = this.#file === undefined ? undefined : await this.#read(this.#file);
      if (piece !== undefined) return piece;
      if (this.#isLast) {
        const following = await this.#following();
        if (following === undefined) return undefined;
        // The next segment exists already, so the next read finds the end of this one.
        this.#isLast = false;
      } else await this.#goOn();
    }
  }

  /** Opens the segment to read, if it exists. */
  async open(): Promise<void> {
    if (this.#isClosed) return;
    this.#file ??= await this.#open(this.#at.segment);
    // A close during the open has not closed this file.
    if (this.#isClosed) await this.#leave();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#leave();
  }

  async #leave(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #read(file: FileHandle): Promise<Piece | undefined> {
    const { segment, offset } = this.#at;
    const bytes = this.#behind ? await readLarge(file, offset) : readSmall(file, offset);
    const isMuch = bytes.length === (this.#behind ? largeBytes : smallBytes);
    this.#behind = isMuch;
    const whole = bytes.lastIndexOf(10) + 1;
    // Data without a newline within the longest record was not written by us.
    const taken = whole === 0 && isMuch ? bytes.length : whole;
    if (taken === 0) {
      if (bytes.length === 0 && fstatSync(file.fd).size < offset) {
        this.#at.offset = 0;
        this.#gap = true;
      }
      return undefined;
    }
    this.#at.offset += taken;
    const gap = this.#gap || whole === 0;
    this.#gap = false;
    return { segment, offset, bytes: bytes.subarray(0, whole), gap };
  }

  async #following(): Promise<number | undefined> {
    return segmentNumbers(namesIn(this.#folder) ?? []).find((number) => number > this.#at.segment);
  }

  async #goOn(): Promise<void> {
    const following = await this.#following();
    await this.#leave();
    this.#isLast = true;
    if (following === undefined) return;
    // Of the first segment nothing was read where it never came up for us.
    if (following > this.#at.segment + 1) this.#gap = true;
    this.#at = { segment: following, offset: 0 };
    this.#behind = true;
  }

  async #open(number: number): Promise<FileHandle | undefined> {
    try {
      const file = await open(join(this.#folder, String(number)));
      const { size } = fstatSync(file.fd);
      // A crash of the host may have truncated it.
      if (this.#at.offset > size) {
        this.#at.offset = size;
        this.#gap = true;
      }
      return file;
    } catch (error) {
      if (isCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }
}

function readSmall(file: FileHandle, position: number): Buffer {
  // A copy, because the reader may use it later, and other readers reuse the buffer.
  return Buffer.from(space.subarray(0, readSync(file.fd, space, 0, smallBytes, position)));
}

async function readLarge(file: FileHandle, position: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.allocUnsafeSlow(largeBytes), 0, largeBytes, position);
  return buffer.subarray(0, bytesRead);
}

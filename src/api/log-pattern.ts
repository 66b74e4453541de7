import { RE2JS } from 're2js';

/**
 * The pattern of a log probe. RE2 takes time in proportion to the text, whatever the pattern: a backtracking engine would
 * let one manifest, and a line of its agent, hold everything up. Throws where it is none.
 */
export function logPattern(pattern: string): { test(text: string): boolean } {
  return RE2JS.compile(RE2JS.translateRegExp(pattern));
}

import { RE2JS } from 're2js';

/**
 * Compiles the pattern of a log probe. Throws if it is invalid. RE2 runs in linear time for every pattern. With a
 * backtracking engine, one manifest and one line of its agent could block the controller.
 */
export function logPattern(pattern: string): { test(text: string): boolean } {
  return RE2JS.compile(RE2JS.translateRegExp(pattern));
}

import { closest, distance } from 'fastest-levenshtein';

/** Returns the valid word nearest to a misspelled one; undefined if none is near. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  if (words.length === 0) return undefined;
  const lower = word.toLowerCase();
  const same = words.find((known) => known.toLowerCase() === lower);
  if (same !== undefined) return same;
  if (word.length > 100) return undefined; // no typing error, and the distance takes quadratic time
  const best = closest(word, [...words]);
  if (distance(word, best) <= Math.ceil(best.length / 3)) return best;
  const begins = (long: string, short: string): boolean => short.length >= 3 && long.startsWith(short);
  return words.find((known) => begins(known.toLowerCase(), lower) || begins(lower, known.toLowerCase()));
}

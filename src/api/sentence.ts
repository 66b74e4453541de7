/** Adds a full stop if the text has no end of a sentence, so that another sentence can follow. */
export const sentence = (text: string): string => (/[.!?…]$/.test(text) ? text : `${text}.`);

/** First words that are capitalized. Any other first word may be a name. */
const capitalized = /^(?:an?|it|its|no|nothing|only|run|some|the|there|these|they|this|what) /;

/** Returns an error text as a whole sentence, for a condition or an Event. */
export function asSentence(text: string): string {
  if (text.trim() === '') return '';
  const whole = sentence(text.trimEnd());
  return capitalized.test(whole) ? whole.charAt(0).toUpperCase() + whole.slice(1) : whole;
}

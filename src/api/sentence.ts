/** With a full stop, so that another sentence can follow. */
export const sentence = (text: string): string => (/[.!?…]$/.test(text) ? text : `${text}.`);

/** Words that begin with a capital where they begin a sentence; any other first word may be a name. */
const capitalized = /^(?:an?|it|its|no|nothing|only|run|some|the|there|these|they|this|what) /;

/** An error as it stands in a condition or an Event: a whole sentence. */
export function asSentence(text: string): string {
  if (text.trim() === '') return '';
  const whole = sentence(text.trimEnd());
  return capitalized.test(whole) ? whole.charAt(0).toUpperCase() + whole.slice(1) : whole;
}

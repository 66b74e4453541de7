/**
 * Text of others as a terminal may print it: control characters, which could move its cursor or set its title, and those
 * that turn the direction of writing, as `\u001b`. Line ends and tabs stay.
 */
export const visible = (text: string): string =>
  text.replace(
    /[^\P{Cc}\n\t]|\p{Bidi_Control}/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

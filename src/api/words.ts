/** Command lines as lists of words, as YAML has them in a row: advice for who writes a line where a list is asked for. */

/** `sleep 100` is `[sleep, "100"]`; what only a shell understands is given to one: `[sh, -c, "echo a | wc"]`. */
export function asWords(line: string): string {
  const words = /[|&;<>()$`\\"'*?{}\n]/.test(line) ? ['sh', '-c', line] : line.trim().split(/\s+/);
  return `[${words.map((word) => (isPlain(word) ? word : JSON.stringify(word))).join(', ')}]`;
}

/** What to do about a program that is not found, where its name looks like a whole line; empty elsewhere. */
export const oneWordHint = (program: string): string =>
  /\s/.test(program.trim()) && !program.includes('\n')
    ? `. It is a single word in the list: write ${asWords(program)}`
    : '';

/** In YAML a string without quotes, in a list in a row too. */
export const isPlain = (text: string): boolean =>
  /^[A-Za-z_/.-][\w/.@:=+-]*$/.test(text) &&
  /[A-Za-z]/.test(text) &&
  !/^(true|false|null|yes|no|on|off|[-+]?\.(inf|nan))$/i.test(text) &&
  !/:$|^-$|^---|^\.\.\./.test(text);

/** Suggests a YAML list for a command line, for users who write a line where a list is expected. */

/** Returns `[sleep, "100"]` for `sleep 100`. A line that needs a shell gets one: `[sh, -c, "echo a | wc"]`. */
export function asWords(line: string): string {
  const words = /[|&;<>()$`\\"'*?{}\n]/.test(line) ? ['sh', '-c', line] : line.trim().split(/\s+/);
  return `[${words.map((word) => (isPlain(word) ? word : JSON.stringify(word))).join(', ')}]`;
}

/** Returns what to do if a program is not found and its name looks like a whole command line; otherwise ''. */
export const oneWordHint = (program: string): string =>
  /\s/.test(program.trim()) && !program.includes('\n')
    ? `. It is a single word in the list: write ${asWords(program)}`
    : '';

/** Whether YAML reads the text as a string without quotes, also in a flow sequence. */
export const isPlain = (text: string): boolean =>
  /^[A-Za-z_/.-][\w/.@:=+-]*$/.test(text) &&
  /[A-Za-z]/.test(text) &&
  !/^(true|false|null|yes|no|on|off|[-+]?\.(inf|nan))$/i.test(text) &&
  !/:$|^-$|^---|^\.\.\./.test(text);

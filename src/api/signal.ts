/** Signals with their Linux numbers on x86 and ARM, and the names that container engines accept. */
const names = [
  ...'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT'.split(' '),
  ...'CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'.split(' '),
];

/** The first and the last real-time signal of the C library. */
const realtime = { first: 34, last: 64 };

/**
 * Returns the number of a signal by its name, with or without SIG, or by its number: TERM, SIGTERM, 15, SIGRTMIN+3.
 * Undefined if there is no such signal.
 */
export function signalNumber(text: string): number | undefined {
  if (/^\d+$/.test(text)) return inRange(Number(text));
  const name = text.startsWith('SIG') ? text.slice(3) : text;
  const at = names.indexOf(name);
  if (at >= 0) return at + 1;
  const [, end, sign, offset = '0'] = /^RT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name) ?? [];
  if (end === 'MIN' && sign !== '-') return inRange(realtime.first + Number(offset), realtime.first);
  if (end === 'MAX' && sign !== '+') return inRange(realtime.last - Number(offset), realtime.first);
  return undefined;
}

const inRange = (number: number, first = 1): number | undefined =>
  number >= first && number <= realtime.last ? number : undefined;

/** Returns the one name of a signal: SIGTERM, SIGRTMIN+3. A number without a name is returned as text. */
export function signalName(number: number): string {
  const name = names[number - 1];
  if (name !== undefined) return `SIG${name}`;
  if (number < realtime.first) return String(number);
  const offset = number - realtime.first;
  return offset === 0 ? 'SIGRTMIN' : `SIGRTMIN+${offset}`;
}

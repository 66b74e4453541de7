/** Signals as Linux numbers them on x86 and ARM, and as container engines take them. */
const names = [
  ...'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT'.split(' '),
  ...'CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'.split(' '),
];

/** The first and the last real-time signal, as the C library counts them. */
const realtime = { first: 34, last: 64 };

/** The number of a signal by its name, with or without SIG, or by its number: TERM, SIGTERM, 15, SIGRTMIN+3. Undefined for none. */
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

/** The one name of a signal: SIGTERM, SIGRTMIN+3; a number that has no name stays one. */
export function signalName(number: number): string {
  const name = names[number - 1];
  if (name !== undefined) return `SIG${name}`;
  if (number < realtime.first) return String(number);
  const offset = number - realtime.first;
  return offset === 0 ? 'SIGRTMIN' : `SIGRTMIN+${offset}`;
}

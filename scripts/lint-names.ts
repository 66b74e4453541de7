/** Fails where src, test or scripts use a name that was replaced: one word for one thing (the glossary of src/README.md). */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

/** Identifiers, and what stands in their place. */
const retired: readonly [RegExp, string][] = [
  [/^[Dd]esk$/, 'TalkState, talkState'],
  [/^[Ll]etters?$/, 'NewMessage, Draft'],
  [/^[Aa]cceptance$/, 'Reservation, reservation'],
  [/^makeSure$/, 'confirmDelivery'],
  [/^(breaking|breakings|breakOff)$/, 'cancellation, cancelReasons, cancel'],
  [/^(shaken|shakenSince)$/, 'handshakeAt, handshakeSince'],
  [/^([Pp]rey|preyOf|victims?)$/, 'KillTarget, target, processesOf'],
  [/^[Hh]appenings?$/, 'NewEvent, newEvent'],
  [/^take(In|End|Resume|Outdated|Readiness|Acceptance)$/, 'apply..., such as applyExit'],
  [/^(?!formatToParts)\w+Parts$/, '...Deps'],
  [/^(room|floor)s$/, 'packages, layers'],
];

/** Retired in src only: tests still use them for locals. */
const retiredInSrc: readonly [RegExp, string][] = [
  [/^([Tt]|[a-z]\w*T)(ell|ells|elling|old)(?![a-z])/, 'emitEvent, report, print, notify, send, failure'],
];

/** `told` is a stored field of the journal's conversations and approvals. */
const storesTold = /^src\/(messages\/message|conversations\/(thread-sessions|pending-approvals))\.ts$/;

const problems: string[] = [];
for (const file of globSync('{src,test,scripts}/**/*.ts', { cwd: root }).sort()) {
  if (file.endsWith('.gen.ts') || file === 'scripts/lint-names.ts') continue;
  const lines = withoutTexts(readFileSync(join(root, file), 'utf8')).split('\n');
  for (const [index, line] of lines.entries())
    for (const [word] of line.matchAll(/[\w$]+/g))
      for (const [pattern, now] of file.startsWith('src/') ? [...retired, ...retiredInSrc] : retired)
        if (word === 'told' && storesTold.test(file)) continue;
        else if (pattern.test(word)) problems.push(`${file}:${index + 1}: ${word} is now ${now}`);
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;

/** The code with its lines, without comments, strings and patterns. */
function withoutTexts(code: string): string {
  const texts = /\/\*[\s\S]*?\*\/|\/\/.*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g;
  return code.replace(texts, (text) => text.replace(/[^\n]/g, ' '));
}

/** docs/troubleshooting.md has an entry for each reason that reports a problem. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readPage, root } from './page.ts';

/** The packages that give objects, messages and Events their reasons. */
const packages = ['plan', 'controller', 'conversations', 'drivers', 'sources', 'protocols'];
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** From the golden files of words; and quoted in lines of the sources about reasons, which those do not always see. */
function reasonsOfSources(): Set<string> {
  const reasons = new Set<string>();
  for (const name of packages) {
    for (const [, reason = ''] of read(`test/golden/words/${name}.txt`).matchAll(
      /^([A-Z]+[a-z][A-Za-z]*)$/gm,
    ))
      reasons.add(reason);
    for (const file of globSync(`src/${name}/**/*.ts`, { cwd: root }))
      for (const line of read(file).split('\n'))
        if (/reason|waits:|FilesNotWritable/i.test(line))
          for (const [, reason = ''] of line.matchAll(/'([A-Z]+[a-z][A-Za-z]*)'/g)) reasons.add(reason);
  }
  return reasons;
}

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');

/** They report that all is well, or that something goes on. */
const progress = words(`
  Accepted Adopted Answered ApprovalNeeded Asks Asleep Complete Completed ConfigOption Connected Connecting
  ControllerUpgraded Created Deleted Deleting Draining DriftRepaired Enough Fetched FirstStart Idle ImageUpdated InSync
  InstanceDeleted MessageCompleted MinReady MoveInstance NoMessages NoReplicas NotAsked Online OrphansCollected OwnLines
  OwnRequest Pending Progressing Ready Reconciling Reported RestartDue Resumed RevisionPruned RolloutRestart RuntimeChanged
  RuntimeSyncing ScaledDown Scaling Scheduled ScheduledRestart SentWithFirstMessage SentWithSession SentWithSessionMeta Shutdown SpecChanged
  SpecRecorded Started Starting Stopped Stopping Synced TurnCompleted Unready Updating
`);

/** They are in no object: names of conditions and actions, kinds of errors, states between parts of the program. */
const internal = words(`
  Accept Adopt Allow BadRequest Busy ByRequest Change CheckFailed Closed CommandFailed CreateInstance CreateRevision DeleteInstance DeleteRevision
  Deny DropLink DropMarks False Fault FieldManagerConflict Files Forbidden GitFailed Gone Host Init
  Invalid InvalidCursor Kept Kill Link LoadFailed LoadRefused LoggedIn Mark MethodNotAllowed ModelApplied Never Normal
  NotFound NotRunning NotStartable OrphansHeld Other Overtaken Release Remove Restart Retry RetryAfter Retryable Revert Rolling Runtime Secret SendPrompt
  ServiceUnavailable SessionModeApplied SessionOptionsApplied Signal SkipPrompt SourceFailed Start Stay Succeeded Superseded
  SystemPromptApplied Terminal Time TimeoutError Tmpfs TooManyRequests True Uncertain Unknown Usage Volume Warning WithinQuota
`);

const entries = [...readPage('docs/troubleshooting.md').matchAll(/^\| (`.+?) \|/gm)].flatMap(
  ([, cell = '']) => [...cell.matchAll(/`([^`]+)`/g)].map(([, reason = '']) => reason),
);
const reasons = reasonsOfSources();

test('each reason that reports a problem has an entry', () => {
  const known = new Set([...entries, ...progress, ...internal]);
  expect([...reasons].filter((reason) => !known.has(reason)).sort()).toEqual([]);
});

test('each entry is a reason that there is', () => {
  expect(entries.filter((reason) => !reasons.has(reason))).toEqual([]);
});

test('what has no entry is a reason that there is, too', () => {
  expect([...progress, ...internal].filter((reason) => !reasons.has(reason))).toEqual([]);
});

test('each entry has a cause and a remedy', () => {
  const rows = [...readPage('docs/troubleshooting.md').matchAll(/^\| `.*$/gm)].map(([row]) => row);
  for (const row of rows) expect(row.split(' | ').map((cell) => cell.length > 3)).toEqual([true, true, true]);
});

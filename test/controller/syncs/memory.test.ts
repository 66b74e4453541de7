import { expect, test } from 'vitest';
import { Known } from '../../../src/controller/syncs/known-objects.ts';
import { SyncRecord } from '../../../src/controller/syncs/sync-records.ts';
import { Estate, policyYaml } from './estate.ts';

const turns = Number(process.env.SYNC_TURNS ?? 150);

test('what is remembered does not grow with the number of syncs, and is forgotten with the Sync', {
  timeout: 120_000,
}, async () => {
  const notes = new Set<Known>();
  const { note } = Known.prototype;
  Known.prototype.note = function (...args) {
    notes.add(this);
    note.apply(this, args);
  };
  const closed: SyncRecord[] = [];
  const { close } = SyncRecord.prototype;
  SyncRecord.prototype.close = function () {
    closed.push(this);
    return close.call(this);
  };
  try {
    await using estate = await Estate.open();
    const { sources } = estate.house;
    estate.push({ 'a.yaml': policyYaml('a') });
    await estate.follow({ interval: '1h', maxPrunePercent: 100 });
    for (let turn = 0; turn < turns; turn += 1) {
      // Another object each time: what went must be forgotten too.
      const revision = estate.push({ 'a.yaml': policyYaml(`a${turn}`) });
      sources.changed();
      await estate.applied(revision);
    }
    await estate.quiet();
    expect(await estate.names('Policy')).toEqual([`a${turns - 1}`]);
    expect(notes.size).toBe(1);
    for (const known of notes) expect(known.size).toBe(1);
    expect(sources.made).toHaveLength(1);

    for (let turn = 0; turn < 20; turn += 1) {
      await estate.follow({ interval: '1h', suspend: true }, `more-${turn}`);
      await estate.look(`more-${turn}`);
      await estate.house.user.delete('Sync', { namespace: 'default', name: `more-${turn}` });
    }
    await estate.quiet();
    expect(sources.calls.filter((call) => call.startsWith('forget'))).toHaveLength(20);
    expect(closed.length).toBeGreaterThanOrEqual(20);
  } finally {
    Known.prototype.note = note;
    SyncRecord.prototype.close = close;
  }
});

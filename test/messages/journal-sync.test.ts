import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { openJournal } from '../../src/messages/sqlite-journal.ts';
import { silentLog as log } from '../../src/platform/log.ts';
import { Durability } from '../../src/store/durability.ts';
import { accept, message } from './entries.ts';

test('once the disk has refused a sync nothing is acknowledged any more, until it is opened again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'agentctl-journal-'));
  const path = join(folder, 'journal.db');
  const journal = openJournal(path, { log });
  await journal.commit(accept(message('1')));
  const sync = vi.spyOn(Durability.prototype, 'reached').mockRejectedValueOnce(new Error('EIO: i/o error'));
  const broken = { name: 'JournalError', code: 'Broken', message: expect.stringContaining('EIO') };
  const both = [journal.commit(accept(message('2'))), journal.commit(accept(message('1')))];
  await expect(both[0]).rejects.toMatchObject(broken);
  await expect(both[1]).rejects.toMatchObject({ code: 'Duplicate' });
  sync.mockRestore();
  await expect(journal.commit(accept(message('3')))).rejects.toMatchObject(broken);
  expect(journal.message('3')).toBeUndefined();
  await journal.close();
  const again = openJournal(path, { log });
  await again.commit(accept(message('4')));
  await again.close();
  rmSync(folder, { recursive: true });
});

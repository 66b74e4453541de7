import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gpgSigner, type Signer, sshSigner } from '../git/signing.ts';
import { Session } from './support.ts';
import { Followed, settingOf } from './sync-followed.ts';
import { settings } from './sync-manifests.ts';
import { conditionOf } from './sync-support.ts';

/** Only commits of those who may sign reach the fleet. */

const kinds: Record<string, () => Promise<Signer>> = { gpg: gpgSigner, ssh: sshSigner };

let session: Session;
beforeAll(() => {
  session = new Session({ DOCKER_HOST: 'unix:///nowhere' });
});
afterAll(() => session.end());

for (const [kind, make] of Object.entries(kinds)) {
  describe(`commits that are signed by ${kind}`, () => {
    test('are applied; those without, and those by another, are told and change nothing', async () => {
      await using signer = await make();
      await using stranger = await make();
      const files = (value: string): Record<string, string> => ({ 'a.yaml': settings(kind, value) });
      await using story = await Followed.begin(session, kind, files('one'), {
        commit: { signedBy: signer },
        signers: [signer],
      });
      for (const signedBy of [undefined, stranger]) {
        await story.repository.publish(files('two'), { ...(signedBy && { signedBy }) });
        const commit = (await story.repository.head()).slice(0, 12);
        const refused = await story.says({ Fetched: 'NotVerified', Ready: 'NotVerified' });
        await expect.poll(async () => conditionOf(await story.get(), 'Fetched')?.message).toContain(commit);
        expect(refused.status?.revision).not.toContain(commit);
        expect(await settingOf(session, kind)).toBe('one');
      }
      await story.publish(files('three'), { signedBy: signer });
      expect(await settingOf(session, kind)).toBe('three');
      // Whose key the Secret gains from now on is trusted at once, whose it loses no more.
      await story.repository.publish(files('four'), { signedBy: stranger });
      await story.says({ Fetched: 'NotVerified' });
      await story.follow({ signers: [signer, stranger] });
      await story.synced();
      expect(await settingOf(session, kind)).toBe('four');
    });
  });
}

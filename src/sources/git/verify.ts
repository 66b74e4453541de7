import { SourceError } from '../source.ts';
import type { Said } from './command.ts';

/** What `%G?` of git-log(1) stands for. Of SSH, U is a good signature by a key that nobody has listed. */
const meanings: Readonly<Record<string, string>> = {
  B: 'has a signature that does not match its content',
  E: 'is signed by an unknown key',
  N: 'has no signature',
  R: 'is signed by a key that was revoked',
  U: 'is signed by an unknown key',
  X: 'is signed, but the signature has expired',
  Y: 'is signed by a key that has expired',
};

/** Throws unless the commit is signed by one of the keys that its surroundings know. */
export async function verifyCommit(
  run: (args: readonly string[]) => Promise<Said>,
  revision: string,
): Promise<void> {
  const { stdout, stderr } = await run(['log', '-1', '--no-show-signature', '--format=%G?%n%GF', revision]);
  const [verdict = '', fingerprint = ''] = stdout.split('\n');
  if (verdict === 'G') return;
  const program = /cannot run (gpg|ssh-keygen)\b/.exec(stderr)?.[1];
  if (program !== undefined)
    throw new SourceError(
      'ProgramMissing',
      `${program} is not installed, which is needed to check the signatures of commits: install ${program === 'gpg' ? 'gnupg' : 'openssh-client'}`,
    );
  const meaning = meanings[verdict] ?? 'has a signature that could not be checked';
  const key = fingerprint === '' ? '' : ` (${fingerprint})`;
  throw new SourceError(
    'NotVerified',
    `commit ${revision.slice(0, 12)} ${meaning}${key}: sign it with a key in the Secret of spec.source.git.verify, or add its key there`,
  );
}

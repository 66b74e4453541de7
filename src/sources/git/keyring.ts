import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SourceError } from '../source.ts';

const settings = [
  'no-autostart', // of gpg-agent, dirmngr and keyboxd: a signature is checked without them
  'no-auto-key-retrieve',
  'no-auto-check-trustdb',
  'trust-model always', // whose key is in the Secret is trusted; there are no others
  'lock-never',
  'batch',
  'no-tty',
].join('\n');

/** A home folder for gpg with only the keys of the Secret (its keys that end with .asc). */
export async function writeKeyring(
  folder: string,
  keys: Readonly<Record<string, Uint8Array>>,
): Promise<void> {
  const rings = Object.entries(keys)
    .filter(([name]) => name.endsWith('.asc'))
    .map(([name, bytes]) => dearmor(name, Buffer.from(bytes).toString('latin1')));
  await writeFile(join(folder, 'gpg.conf'), `${settings}\n`, { mode: 0o600 });
  await writeFile(join(folder, 'pubring.gpg'), Buffer.concat(rings), { mode: 0o600 });
}

const block =
  /-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\n]*:[^\n]*\n)*([\s\S]*?)-----END PGP PUBLIC KEY BLOCK-----/g;

/** The packets in an armored text (RFC 9580, section 6). Its checksum is not looked at: the keys bear signatures. */
function dearmor(name: string, text: string): Buffer {
  const blocks = [...text.matchAll(block)].map(([, body = '']) =>
    Buffer.from(body.replace(/^=.{4}\s*$/m, ''), 'base64'),
  );
  if (blocks.length > 0 && blocks.every(({ length }) => length > 0)) return Buffer.concat(blocks);
  throw new SourceError(
    'SecretInvalid',
    `the Secret of spec.source.git.verify has no OpenPGP public key under ${name}: store the output of gpg --armor --export there`,
  );
}

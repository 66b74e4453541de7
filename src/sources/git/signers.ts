import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listed } from '../../api/text.ts';
import { SourceError } from '../source.ts';

const settings = [
  'no-autostart', // starts no gpg-agent, dirmngr or keyboxd: a signature is checked without them
  'no-auto-key-retrieve',
  'no-auto-check-trustdb',
  'trust-model always', // all keys are from the Secret, so all are trusted
  'lock-never',
  'batch',
  'no-tty',
].join('\n');

/** Creates a home folder for gpg with only the keys of the Secret (those whose names end with .asc). */
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

/**
 * Returns the packets in an armored text (RFC 9580, section 6). The checksum is ignored, because the keys have
 * signatures.
 */
function dearmor(name: string, text: string): Buffer {
  const blocks = [...text.matchAll(block)].map(([, body = '']) =>
    Buffer.from(body.replace(/^=.{4}\s*$/m, ''), 'base64'),
  );
  if (blocks.length > 0 && blocks.every(({ length }) => length > 0)) return Buffer.concat(blocks);
  throw new SourceError(
    'SecretInvalid',
    `the Secret of spec.source.git.verify has no OpenPGP public key under ${name}:`,
    { remedy: 'store the output of gpg --armor --export there' },
  );
}

/**
 * Throws if the Secret of `verify` has nothing that can check a signature: otherwise every commit would be reported as
 * bad.
 */
export function checkKeys(keys: Readonly<Record<string, Uint8Array>>): void {
  // writeKeyring checks whether the file contains a key.
  if (Object.keys(keys).some((name) => name.endsWith('.asc'))) return;
  if (keys.allowed_signers === undefined)
    throw invalidSigners(
      `neither a key allowed_signers (lines as author@example.com ssh-ed25519 AAAA..., for SSH) nor one that ends with .asc (what gpg --armor --export prints); it has ${listed(Object.keys(keys)) || 'none at all'}`,
    );
  const lines = Buffer.from(keys.allowed_signers).toString('utf8').split('\n');
  if (lines.some(isSigner)) return;
  const fault = 1 + lines.findIndex((line) => !/^\s*(#|$)/.test(line));
  throw invalidSigners(
    `no valid allowed_signers: ${fault === 0 ? 'it is empty' : `line ${fault} is invalid`}, expected a signer and a public key, as in author@example.com ssh-ed25519 AAAA...`,
  );
}

/**
 * Checks a line of ALLOWED SIGNERS in ssh-keygen(1): principals, options, type, key, comment. ssh-keygen skips invalid
 * lines.
 */
function isSigner(line: string): boolean {
  if (/^\s*#/.test(line)) return false;
  const words = line.trim().split(/\s+/);
  return words.some((type, at) => at > 0 && isKey(type, Buffer.from(words[at + 1] ?? '', 'base64')));
}

/** Whether the key consists of length-prefixed fields (RFC 4253, section 6.6), the first of which is the type. */
function isKey(type: string, key: Buffer): boolean {
  const fields: string[] = [];
  let at = 0;
  while (at + 4 <= key.length) {
    const end = at + 4 + key.readUInt32BE(at);
    fields.push(key.toString('latin1', at + 4, end));
    at = end;
  }
  return at === key.length && fields.length > 1 && fields[0] === type;
}

const invalidSigners = (fault: string): SourceError =>
  new SourceError('SecretInvalid', `the Secret of spec.source.git.verify has ${fault}`);

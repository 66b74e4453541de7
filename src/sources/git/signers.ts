import { listed } from '../../api/listed.ts';
import { SourceError } from '../source.ts';

/**
 * Throws if the Secret of `verify` has nothing that can check a signature: otherwise every commit would be reported as
 * bad.
 */
export function checkKeys(keys: Readonly<Record<string, Uint8Array>>): void {
  // The keyring (secrets.ts) checks whether the file contains a key.
  if (Object.keys(keys).some((name) => name.endsWith('.asc'))) return;
  if (keys.allowed_signers === undefined)
    throw invalid(
      `neither a key allowed_signers (lines as author@example.com ssh-ed25519 AAAA..., for SSH) nor one that ends with .asc (what gpg --armor --export prints); it has ${listed(Object.keys(keys)) || 'none at all'}`,
    );
  const lines = Buffer.from(keys.allowed_signers).toString('utf8').split('\n');
  if (lines.some(isSigner)) return;
  const fault = 1 + lines.findIndex((line) => !/^\s*(#|$)/.test(line));
  throw invalid(
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

const invalid = (fault: string): SourceError =>
  new SourceError('SecretInvalid', `the Secret of spec.source.git.verify has ${fault}`);

/** How an unencrypted key of OpenSSH begins (its PROTOCOL.key): the magic, and the name of the cipher behind its length. */
const plain = 'openssh-key-v1\0\0\0\0\u0004none';

/** Whether a private key is encrypted: ssh, which can ask nobody, passes over such a key without a word. */
export function hasPassphrase(key: Uint8Array): boolean {
  const text = Buffer.from(key).toString('latin1');
  if (/^-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text)) return true;
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([\sA-Za-z0-9+/=]*)/.exec(text)?.[1] ?? '';
  const bytes = Buffer.from(body, 'base64').toString('latin1', 0, plain.length);
  return bytes.startsWith('openssh-key-v1\0') && bytes !== plain;
}

import { describe, expect, test } from 'vitest';
import { webhookCheck } from '../../src/server/webhook.ts';

type Headers = Record<string, string | string[]>;

interface Given {
  headers: Headers;
  body?: string;
  token?: string;
  now?: number;
  /** How many bytes the body comes in at a time. */
  pieces?: number;
}

function passes({ headers, body = '', token = '', now = 0, pieces = 1_000 }: Given): boolean {
  const distinct = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value].flat()]));
  const check = webhookCheck(distinct, Buffer.from(token), now);
  const bytes = Buffer.from(body);
  for (let at = 0; at < bytes.length; at += pieces) check.add(bytes.subarray(at, at + pieces));
  return check.passes();
}

/** The example of GitHub's documentation. */
const github = {
  token: "It's a Secret to Everybody",
  body: 'Hello, World!',
  hex: '757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
};

/** The example of the libraries of Standard Webhooks. */
const standard = {
  token: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  body: '{"test": 2432232314}',
  now: 1614265330_000,
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestamp: '1614265330',
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
};

const standardHeaders = (changed: Headers = {}): Headers => ({
  'webhook-id': standard.id,
  'webhook-timestamp': standard.timestamp,
  'webhook-signature': standard.signature,
  ...changed,
});

describe('the HMAC of the body', () => {
  test.each<[string, Headers]>([
    ['GitHub', { 'x-hub-signature-256': `sha256=${github.hex}` }],
    ['Gitea', { 'x-gitea-signature': github.hex }],
    ['Forgejo', { 'x-forgejo-signature': github.hex }],
    [
      'Gitea, which sends the other forms too',
      { 'x-gitea-signature': github.hex, 'x-hub-signature': 'sha1=00', 'x-gogs-signature': github.hex },
    ],
  ])('passes as %s sends it', (_, headers) => {
    expect(passes({ ...github, headers })).toBe(true);
    expect(passes({ ...github, headers, pieces: 1 })).toBe(true);
  });

  test.each<[string, Headers]>([
    ['that is missing', {}],
    ['that is empty', { 'x-hub-signature-256': '', 'x-gitea-signature': '' }],
    ['with one digit changed', { 'x-hub-signature-256': `sha256=6${github.hex.slice(1)}` }],
    ['that is cut short', { 'x-hub-signature-256': `sha256=${github.hex.slice(0, -1)}` }],
    ['of no length', { 'x-hub-signature-256': 'sha256=' }],
    ['that is too long', { 'x-hub-signature-256': `sha256=${github.hex}0` }],
    ['without its prefix', { 'x-hub-signature-256': github.hex }],
    ['by SHA-1', { 'x-hub-signature': 'sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59' }],
    [
      'by SHA-1, where SHA-256 is looked for',
      { 'x-hub-signature-256': 'sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59' },
    ],
    ['under the name of the old header', { 'x-hub-signature': `sha256=${github.hex}` }],
    ['that comes twice', { 'x-hub-signature-256': [`sha256=${github.hex}`, `sha256=${github.hex}`] }],
    [
      'with a wrong one before it',
      { 'x-hub-signature-256': [`sha256=${'0'.repeat(64)}`, `sha256=${github.hex}`] },
    ],
    [
      'with a wrong one before it, in one header',
      { 'x-gitea-signature': `${'0'.repeat(64)}, ${github.hex}` },
    ],
    ['with the prefix of GitHub in the header of Gitea', { 'x-gitea-signature': `sha256=${github.hex}` }],
    ['in a header of GitLab', { 'x-gitlab-token': github.hex }],
  ])('%s is refused', (_, headers) => {
    expect(passes({ ...github, headers })).toBe(false);
  });

  test.each([
    ['another body', { body: 'Hello, World?' }],
    ['a body with more at its end', { body: 'Hello, World!\n' }],
    ['no body', { body: '' }],
    ['another token', { token: "it's a Secret to Everybody" }],
    ['an empty token', { token: '' }],
  ])('does not pass with %s', (_, changed) => {
    expect(
      passes({ ...github, headers: { 'x-hub-signature-256': `sha256=${github.hex}` }, ...changed }),
    ).toBe(false);
  });

  test('by an empty key passes for no token', () => {
    const hex = 'b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad'; // of no body, with no key
    expect(passes({ headers: { 'x-gitea-signature': hex, 'x-gitlab-token': '' } })).toBe(false);
  });
});

describe('the token itself, of GitLab', () => {
  const token = 'a token of söme length';
  const sent = (text: string): Headers => ({ 'x-gitlab-token': Buffer.from(text).toString('latin1') });

  test('passes, whatever the body', () => {
    expect(passes({ token, headers: sent(token), body: 'any' })).toBe(true);
  });

  test.each([
    ['another token', 'another token'],
    ['its beginning', token.slice(0, -1)],
    ['more at its end', `${token} `],
    ['another case', token.toUpperCase()],
    ['nothing', ''],
  ])('does not pass with %s', (_, given) => {
    expect(passes({ token, headers: sent(given) })).toBe(false);
  });

  test('does not pass twice', () => {
    expect(passes({ token: 'a', headers: { 'x-gitlab-token': ['a', 'a'] } })).toBe(false);
  });
});

describe('the signature of Standard Webhooks', () => {
  test.each<[string, Headers]>([
    ['alone', {}],
    ['after that of another key', { 'webhook-signature': `v1,${'A'.repeat(43)}= ${standard.signature}` }],
    ['after one by another method', { 'webhook-signature': `v1a,abc ${standard.signature}` }],
  ])('passes %s', (_, changed) => {
    expect(passes({ ...standard, headers: standardHeaders(changed) })).toBe(true);
    expect(passes({ ...standard, headers: standardHeaders(changed), pieces: 3 })).toBe(true);
  });

  test.each<[string, Headers]>([
    ['another id', { 'webhook-id': 'msg_other' }],
    ['another time', { 'webhook-timestamp': '1614265331' }],
    ['no time', { 'webhook-timestamp': [] }],
    ['a time that is no number', { 'webhook-timestamp': 'now' }],
    ['no id', { 'webhook-id': [] }],
    ['no signature', { 'webhook-signature': [] }],
    ['one that is cut short', { 'webhook-signature': standard.signature.slice(0, -2) }],
    ['one without its version', { 'webhook-signature': standard.signature.slice(3) }],
    ['one of another version', { 'webhook-signature': standard.signature.replace('v1', 'v2') }],
    ['two headers', { 'webhook-signature': [standard.signature, standard.signature] }],
    ['two times', { 'webhook-timestamp': [standard.timestamp, standard.timestamp] }],
    ['two ids', { 'webhook-id': [standard.id, standard.id] }],
  ])('does not pass with %s', (_, changed) => {
    expect(passes({ ...standard, headers: standardHeaders(changed) })).toBe(false);
  });

  test.each([
    [-301, false],
    [-300, true],
    [300, true],
    [301, false],
    [86_400, false],
  ])('received %i s after it was made: %s', (seconds, expected) => {
    const now = standard.now + seconds * 1000;
    expect(passes({ ...standard, headers: standardHeaders(), now })).toBe(expected);
  });

  test.each([
    ['another key', { token: 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' }],
    ['a key without its prefix', { token: standard.token.slice('whsec_'.length) }],
    ['a prefix without a key', { token: 'whsec_' }],
    ['a key that is not base64', { token: `${standard.token}!` }],
    ['no token', { token: '' }],
    ['another body', { body: '{"test": 2432232315}' }],
  ])('does not pass with %s', (_, changed) => {
    expect(passes({ ...standard, headers: standardHeaders(), ...changed })).toBe(false);
  });
});

import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../platform/clock.ts';
import { readText, writePrivate } from './private-file.ts';

/** All PEM. `ca` is the certificate that a client trusts. */
export interface Certificate {
  ca: string;
  cert: string;
  key: string;
}

const day = 86_400_000;
const lifetime = 3650 * day;
const renewBefore = 30 * day;

/**
 * Returns the certificate in `folder`, for this host, loopback and `host`. Creates a new one if there is none, if it
 * expires within 30 days, or if it is for other names. Its authority signs nothing else, because its key is discarded.
 */
export async function ensureCertificate(folder: string, host: string, clock: Clock): Promise<Certificate> {
  const names = [...new Set(['127.0.0.1', '::1', 'localhost', hostname(), host])].filter(
    (name) => name !== '0.0.0.0' && name !== '::',
  );
  const path = join(folder, 'serving.json');
  const kept = await readText(path);
  if (kept !== undefined) {
    const certificate: Certificate = JSON.parse(kept);
    if (stillGood(certificate.cert, names, clock.now())) return certificate;
  }
  const made = await makeCertificate(names, clock.now());
  await writePrivate(path, JSON.stringify(made, null, 2));
  return made;
}

function stillGood(pem: string, names: readonly string[], now: number): boolean {
  const certificate = new X509Certificate(pem);
  const covers = (name: string): boolean =>
    (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined;
  return Date.parse(certificate.validTo) - now > renewBefore && names.every(covers);
}

async function makeCertificate(names: readonly string[], now: number): Promise<Certificate> {
  const { generate } = await import('selfsigned'); // slow to load, and rarely needed
  // One hour back, for clients whose clock is slow.
  const common = {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(now - 3_600_000),
    notAfterDate: new Date(now + lifetime),
  } as const;
  const authority = await generate([{ name: 'commonName', value: 'agentctl-ca' }], {
    ...common,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, critical: true },
    ],
  });
  const serving = await generate([{ name: 'commonName', value: 'agentctl' }], {
    ...common,
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: names.map((name) => (isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name })),
      },
    ],
  });
  return { ca: authority.cert, cert: serving.cert, key: serving.private };
}

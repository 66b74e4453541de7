import type { Secret } from '../../api/objects.ts';
import { fields, metadataFields, section } from './fields.ts';

/** Keys and sizes, never a value. */
export function describeSecret(secret: Secret, now: number): string {
  const data = Object.entries(secret.data ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    fields([...metadataFields(secret, now), ['Type', secret.type]]),
    section(
      'Data',
      data.length === 0
        ? '  <none>\n'
        : fields(
            data.map(([key, value]) => [key, sizeText(Buffer.from(value, 'base64').length)] as const),
            '  ',
          ),
    ),
  ].join('');
}

const sizeText = (bytes: number): string => (bytes === 1 ? '1 byte' : `${bytes} bytes`);

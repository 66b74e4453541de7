import { ApiError } from '../api/errors.ts';

export const malformed = (): ApiError =>
  new ApiError('BadRequest', 'the body of the request is not Kubernetes protobuf');

/** The fields of one message, by number: numbers and lengths are varints, floats of fixed width are passed over. */
export function* fieldsOf(bytes: Buffer): Generator<[number, bigint | Buffer]> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw malformed();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw malformed();
  };
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw malformed();
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    switch (tag & 7) {
      case 0:
        yield [tag >>> 3, varint()];
        break;
      case 1:
        take(8);
        break;
      case 2:
        yield [tag >>> 3, take(Number(varint()))];
        break;
      case 5:
        take(4);
        break;
      default:
        throw malformed();
    }
  }
}

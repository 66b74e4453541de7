/**
 * Reads Kubernetes' protobuf encoding, only for Kubernetes' own kinds: `kubectl create secret` and typed clients
 * support nothing else. Field numbers are from generated.proto of k8s.io/api and apimachinery. By hand, because a
 * library would need those files, and this is a fraction of their messages.
 */

import { ApiError } from '../api/errors.ts';
import { isObject, type JsonObject } from '../api/json.ts';
import { formatMicroTime, formatTime } from '../api/time.ts';

type One = 'string' | 'bytes' | 'bool' | 'int' | 'json' | 'time' | 'microTime' | Message;
type List = { list: One };
type Dictionary = { map: 'string' | 'bytes' };
type Type = One | List | Dictionary;
type Message = { readonly [number: number]: readonly [name: string, type: Type] };

const isList = (type: Type): type is List => typeof type === 'object' && 'list' in type;
const isMap = (type: Type): type is Dictionary => typeof type === 'object' && 'map' in type;

const ownerReference: Message = {
  1: ['kind', 'string'],
  3: ['name', 'string'],
  4: ['uid', 'string'],
  5: ['apiVersion', 'string'],
  6: ['controller', 'bool'],
  7: ['blockOwnerDeletion', 'bool'],
};
const managedFields: Message = {
  1: ['manager', 'string'],
  2: ['operation', 'string'],
  3: ['apiVersion', 'string'],
  4: ['time', 'time'],
  6: ['fieldsType', 'string'],
  7: ['fieldsV1', 'json'],
  8: ['subresource', 'string'],
};
const metadata: Message = {
  1: ['name', 'string'],
  2: ['generateName', 'string'],
  3: ['namespace', 'string'],
  5: ['uid', 'string'],
  6: ['resourceVersion', 'string'],
  7: ['generation', 'int'],
  8: ['creationTimestamp', 'time'],
  9: ['deletionTimestamp', 'time'],
  10: ['deletionGracePeriodSeconds', 'int'],
  11: ['labels', { map: 'string' }],
  12: ['annotations', { map: 'string' }],
  13: ['ownerReferences', { list: ownerReference }],
  14: ['finalizers', { list: 'string' }],
  17: ['managedFields', { list: managedFields }],
};
const reference: Message = {
  1: ['kind', 'string'],
  2: ['namespace', 'string'],
  3: ['name', 'string'],
  4: ['uid', 'string'],
  5: ['apiVersion', 'string'],
  6: ['resourceVersion', 'string'],
  7: ['fieldPath', 'string'],
};

/** By apiVersion and kind. */
const messages: Readonly<Record<string, Message>> = {
  'authorization.k8s.io/v1 SelfSubjectAccessReview': {
    2: [
      'spec',
      {
        1: [
          'resourceAttributes',
          {
            1: ['namespace', 'string'],
            2: ['verb', 'string'],
            3: ['group', 'string'],
            4: ['version', 'string'],
            5: ['resource', 'string'],
            6: ['subresource', 'string'],
            7: ['name', 'string'],
          },
        ],
        2: ['nonResourceAttributes', { 1: ['path', 'string'], 2: ['verb', 'string'] }],
      },
    ],
  },
  'v1 ConfigMap': {
    1: ['metadata', metadata],
    2: ['data', { map: 'string' }],
    3: ['binaryData', { map: 'bytes' }],
    4: ['immutable', 'bool'],
  },
  'v1 DeleteOptions': {
    1: ['gracePeriodSeconds', 'int'],
    2: ['preconditions', { 1: ['uid', 'string'], 2: ['resourceVersion', 'string'] }],
    3: ['orphanDependents', 'bool'],
    4: ['propagationPolicy', 'string'],
    5: ['dryRun', { list: 'string' }],
  },
  'v1 Event': {
    1: ['metadata', metadata],
    2: ['involvedObject', reference],
    3: ['reason', 'string'],
    4: ['message', 'string'],
    5: ['source', { 1: ['component', 'string'], 2: ['host', 'string'] }],
    6: ['firstTimestamp', 'time'],
    7: ['lastTimestamp', 'time'],
    8: ['count', 'int'],
    9: ['type', 'string'],
    10: ['eventTime', 'microTime'],
    12: ['action', 'string'],
    13: ['related', reference],
    14: ['reportingComponent', 'string'],
    15: ['reportingInstance', 'string'],
  },
  'v1 Namespace': {
    1: ['metadata', metadata],
    2: ['spec', { 1: ['finalizers', { list: 'string' }] }],
    3: ['status', { 1: ['phase', 'string'] }],
  },
  'v1 Secret': {
    1: ['metadata', metadata],
    2: ['data', { map: 'bytes' }],
    3: ['type', 'string'],
    4: ['stringData', { map: 'string' }],
    5: ['immutable', 'bool'],
  },
};

const magic = Buffer.from('k8s\0');
const envelope: Message = {
  1: ['type', { 1: ['apiVersion', 'string'], 2: ['kind', 'string'] }],
  2: ['raw', 'bytes'],
};

/** Returns an object as in its JSON; undefined for a kind that is not supported here. Throws ApiError BadRequest. */
export function decodeProtobuf(body: Buffer): JsonObject | undefined {
  if (!body.subarray(0, magic.length).equals(magic)) throw malformed();
  const { type, raw } = readMessage(body.subarray(magic.length), envelope);
  const { apiVersion, kind } = isObject(type) ? type : {};
  const message = messages[`${apiVersion} ${kind}`];
  if (message === undefined) return undefined;
  return { apiVersion, kind, ...readMessage(Buffer.from(String(raw ?? ''), 'base64'), message) };
}

/** Clients also write empty fields. They count as absent, as in JSON. */
function readMessage(bytes: Buffer, message: Message): JsonObject {
  const object: JsonObject = {};
  const lists = new Map<string, unknown[]>();
  const maps = new Map<string, [string, unknown][]>();
  for (const [number, value] of fieldsOf(bytes)) {
    const [name, type] = message[number] ?? [];
    if (name === undefined || type === undefined) continue;
    if (isMap(type)) {
      const entries = maps.get(name) ?? [];
      entries.push(readEntry(value, type.map));
      maps.set(name, entries);
    } else if (isList(type)) {
      const items = lists.get(name) ?? [];
      items.push(readValue(value, type.list));
      lists.set(name, items);
    } else {
      const read = readValue(value, type);
      if (read !== undefined && read !== '' && read !== 0) object[name] = read;
    }
  }
  for (const [name, items] of lists) object[name] = items;
  for (const [name, entries] of maps) object[name] = Object.fromEntries(entries);
  return object;
}

function readEntry(value: bigint | Buffer, type: 'string' | 'bytes'): [string, unknown] {
  const entry = readMessage(bytesOf(value), { 1: ['key', 'string'], 2: ['value', type] });
  return [String(entry.key ?? ''), entry.value ?? ''];
}

function readValue(value: bigint | Buffer, type: One): unknown {
  switch (type) {
    case 'string':
      return bytesOf(value).toString();
    case 'bytes':
      return bytesOf(value).toString('base64');
    case 'bool':
      return value === 1n;
    case 'int':
      return typeof value === 'bigint' ? Number(BigInt.asIntN(64, value)) : undefined;
    case 'json':
      return readJson(value);
    case 'time':
    case 'microTime': {
      const { seconds, nanos } = readMessage(bytesOf(value), { 1: ['seconds', 'int'], 2: ['nanos', 'int'] });
      if (typeof seconds !== 'number') return undefined;
      const at = seconds * 1000 + Math.floor((typeof nanos === 'number' ? nanos : 0) / 1e6);
      return type === 'time' ? formatTime(at) : formatMicroTime(at);
    }
    default:
      return readMessage(bytesOf(value), type);
  }
}

/** The first field of `FieldsV1` contains its JSON. */
function readJson(value: bigint | Buffer): unknown {
  const { raw } = readMessage(bytesOf(value), { 1: ['raw', 'string'] });
  try {
    return JSON.parse(String(raw ?? 'null'));
  } catch {
    throw malformed();
  }
}

function bytesOf(value: bigint | Buffer): Buffer {
  if (typeof value === 'bigint') throw malformed();
  return value;
}

const malformed = (): ApiError =>
  new ApiError('BadRequest', 'the body of the request is not Kubernetes protobuf');

/** Yields the fields of one message, by number. Numbers and lengths are varints; fixed-width fields are skipped. */
function* fieldsOf(bytes: Buffer): Generator<[number, bigint | Buffer]> {
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

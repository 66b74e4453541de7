import type { AnyMessage, AnyRequest, AnyResponse, JsonRpcId } from '@agentclientprotocol/sdk';
import { jsonFault } from '../../api/json.ts';
import { cut } from '../../api/text.ts';
import { limits } from '../protocol.ts';

export type { AnyMessage, AnyRequest, AnyResponse, JsonRpcId };

/** Parses a line of the agent. Returns a message, or the reason why it is garbage. */
export function parse(
  line: string,
): { message: AnyMessage; garbage?: undefined } | { message?: undefined; garbage: string } {
  const large = jsonFault(line);
  if (large !== undefined) return { garbage: large };
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    return { garbage: `no JSON: ${String(error)}` };
  }
  const found = fields(value);
  if (found?.jsonrpc !== '2.0') return { garbage: 'no JSON-RPC 2.0 message' };
  if (!hasShape(found))
    return { garbage: 'a JSON-RPC message without a method, or without an id and an answer' };
  return { message: found as AnyMessage }; // hasShape has checked it
}

export const isRequest = (message: AnyMessage): message is AnyRequest =>
  'method' in message && 'id' in message;

export const isResponse = (message: AnyMessage): message is AnyResponse => !('method' in message);

function hasShape(found: Fields): boolean {
  const { id } = found;
  if (id !== undefined && id !== null && typeof id !== 'string' && typeof id !== 'number') return false;
  if (typeof id === 'string' && id.length > limits.id) return false; // its answer would be too long
  if ('method' in found) return typeof found.method === 'string';
  return 'id' in found && ('error' in found ? fields(found.error) !== undefined : 'result' in found);
}

export interface RpcError {
  code: number;
  message: string;
}

/** Returns an agent's error. Agents put the cause into `data` more often than into the message. */
export function readError(error: unknown): RpcError {
  const found = fields(error) ?? {};
  const data = fields(found.data);
  const more = [found.data, data?.details, data?.message, data?.error].find(
    (one) => typeof one === 'string' && one !== '',
  );
  const message = typeof found.message === 'string' ? found.message : 'an error without a message';
  return {
    code: typeof found.code === 'number' ? found.code : 0,
    message: cut(
      more === undefined || message.includes(String(more)) ? message : `${message}: ${more}`,
      limits.error,
    ),
  };
}

/** The codes of JSON-RPC and of ACP. */
export const codes = {
  authRequired: -32000,
  notFound: -32002,
  requestCancelled: -32800,
  /** Used by some agents: another turn is running in the session. */
  sessionBusy: -32003,
  methodNotFound: -32601,
  invalidParams: -32602,
  /** Ours, for a request that was never written. -32300 is customary for a failed transport. */
  unwritten: -32300,
} as const;

/** Readers for untrusted values. A value of the wrong type counts as absent. */

export type Fields = Readonly<Record<string, unknown>>;

export const fields = (value: unknown): Fields | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Fields) // any object has fields
    : undefined;

export const string = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** Larger numbers are meaningless, also in sums. */
const mostAmount = 1e12;

/** Returns a number that can be a count or an amount. */
export const number = (value: unknown): number | undefined =>
  typeof value === 'number' && value >= 0 && value <= mostAmount ? value : undefined;

export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** Returns the items of the list that are objects. */
export const objects = (value: unknown): Fields[] =>
  list(value).flatMap((item) => {
    const found = fields(item);
    return found === undefined ? [] : [found];
  });

/** Returns an identifier. One that is too long counts as absent, because cut it would name something else. */
export const id = (value: unknown): string | undefined =>
  typeof value === 'string' && value.length <= limits.id ? value : undefined;

/** Returns a text for people, cut if it is too long. */
export const name = (value: unknown, most: number = limits.name): string | undefined =>
  typeof value === 'string' ? cut(value, most) : undefined;

/** Returns the value if it is one of these. */
export const oneOf = <T extends string>(value: unknown, allowed: readonly T[]): T | undefined =>
  allowed.find((one) => one === value);

/** Returns the object without undefined fields. */
export const present = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T; // these fields were optional

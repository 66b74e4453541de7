import type { AnyMessage, AnyRequest, AnyResponse, JsonRpcId } from '@agentclientprotocol/sdk';
import { cut } from '../../api/cut.ts';
import { jsonFault } from '../../api/size.ts';
import { limits } from '../limits.ts';

export type { AnyMessage, AnyRequest, AnyResponse, JsonRpcId };

/** A line of the agent, or why it is none. */
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
  return { message: found as AnyMessage }; // hasShape has looked
}

export const isRequest = (message: AnyMessage): message is AnyRequest =>
  'method' in message && 'id' in message;

export const isResponse = (message: AnyMessage): message is AnyResponse => !('method' in message);

function hasShape(found: Fields): boolean {
  const { id } = found;
  if (id !== undefined && id !== null && typeof id !== 'string' && typeof id !== 'number') return false;
  if (typeof id === 'string' && id.length > limits.id) return false; // it could not be answered: its answer would be as long
  if ('method' in found) return typeof found.method === 'string';
  return 'id' in found && ('error' in found ? fields(found.error) !== undefined : 'result' in found);
}

export interface RpcError {
  code: number;
  message: string;
}

/** An error of the agent; agents put what happened into `data` more often than into the message. */
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

/** JSON-RPC's codes, and ACP's. */
export const codes = {
  authRequired: -32000,
  notFound: -32002,
  requestCancelled: -32800,
  /** As some agents have it: another turn goes on in the session. */
  sessionBusy: -32003,
  methodNotFound: -32601,
  invalidParams: -32602,
  /** Ours, for a request that never got into the pipe; the code is the customary one for a failed transport. */
  unwritten: -32300,
} as const;

/** Readers for what a stranger sent: what has not the wanted shape is absent. */

export type Fields = Readonly<Record<string, unknown>>;

export const fields = (value: unknown): Fields | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Fields) // any object has fields
    : undefined;

export const string = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** Sums of what is larger mean nothing. */
const mostAmount = 1e12;

/** A number that can be a count or an amount. */
export const number = (value: unknown): number | undefined =>
  typeof value === 'number' && value >= 0 && value <= mostAmount ? value : undefined;

export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** Those of the list that are objects. */
export const objects = (value: unknown): Fields[] =>
  list(value).flatMap((item) => {
    const found = fields(item);
    return found === undefined ? [] : [found];
  });

/** A text that names something: one that is too long is none, since cut it would name another thing. */
export const id = (value: unknown): string | undefined =>
  typeof value === 'string' && value.length <= limits.id ? value : undefined;

/** A text for people, cut where it is longer. */
export const name = (value: unknown, most: number = limits.name): string | undefined =>
  typeof value === 'string' ? cut(value, most) : undefined;

/** The value if it is one of these. */
export const oneOf = <T extends string>(value: unknown, allowed: readonly T[]): T | undefined =>
  allowed.find((one) => one === value);

/** Without the fields that are undefined, so that absent stays absent. */
export const present = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T; // all its fields were optional where undefined

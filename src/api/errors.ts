import { visible } from './text.ts';

/** `Status`, which the Kubernetes API returns for every failure (API conventions, "Response Status Kind"). */
export interface Status {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: { continue?: string };
  status: 'Failure' | 'Success';
  message?: string;
  reason?: StatusReason;
  code?: number;
  details?: StatusDetails;
}

interface StatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: StatusCause[];
  retryAfterSeconds?: number;
}

export interface StatusCause {
  reason: string;
  message: string;
  field?: string;
}

export type StatusReason =
  | 'BadRequest'
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Invalid'
  | 'Expired'
  | 'MethodNotAllowed'
  | 'NotAcceptable'
  | 'UnsupportedMediaType'
  | 'RequestEntityTooLarge'
  | 'TooManyRequests'
  | 'Timeout'
  | 'InternalError'
  | 'ServiceUnavailable';

const codes: Record<StatusReason, number> = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
};

/** Milliseconds: the first wait, which doubles with each failure in a row, and the longest one. */
export interface Backoff {
  from: number;
  upTo: number;
}

/** Returns the wait in milliseconds after this many failures in a row. */
export const backoffDelay = ({ from, upTo }: Backoff, failures: number): number =>
  Math.min(upTo, from * 2 ** Math.min(Math.max(failures, 1) - 1, 30));

/**
 * Whether what failed may succeed later without a change. Never: it is not tried again until something changes.
 * Backoff: the caller chooses the waits. `at`: not before this instant.
 */
export type Retry = 'Never' | 'Backoff' | Backoff | { at: number };

export interface FailureOptions {
  cause?: unknown;
  /** What to do about it, in a sentence, unless the message says it. */
  remedy?: string | undefined;
  retry?: Retry | undefined;
}

/** The root of all errors that callers distinguish. The message is for people. */
export abstract class AgentctlError<Code extends string = string> extends Error {
  /** One word for programs. It becomes the reason of a Status, a condition or an Event. */
  readonly code: Code;
  readonly remedy: string | undefined;
  readonly retry: Retry;

  constructor(code: Code, message: string, { cause, remedy, retry = 'Backoff' }: FailureOptions = {}) {
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
    this.remedy = remedy;
    this.retry = retry;
  }
}

/** The only place that decides whether to try again after an error. One that nobody has foreseen is tried again. */
export const retryOf = (error: unknown): Retry => (error instanceof AgentctlError ? error.retry : 'Backoff');

/** Every failure that an API server returns to a client, local or over HTTP. */
export class ApiError extends AgentctlError<StatusReason> {
  readonly details: Status['details'];

  constructor(
    reason: StatusReason,
    message: string,
    options: FailureOptions & { details?: Status['details'] } = {},
  ) {
    super(reason, message, options);
    this.name = 'ApiError';
    this.details = options.details;
  }

  /** The HTTP status. */
  get status(): number {
    return codes[this.code];
  }

  toStatus(): Status {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: visible(this.message),
      reason: this.code,
      ...(this.details === undefined ? {} : { details: shownDetails(this.details) }),
      code: this.status,
    };
  }
}

/** A cause may quote what a client sent, and kubectl prints it unfiltered. */
const shownDetails = ({ causes, ...rest }: StatusDetails): StatusDetails =>
  causes === undefined
    ? rest
    : { ...rest, causes: causes.map((cause) => ({ ...cause, message: visible(cause.message) })) };

/** The controller cannot be reached: no socket, or the connection was refused or lost. */
export class UnreachableError extends AgentctlError<'Unreachable'> {
  constructor(message: string, options: FailureOptions = {}) {
    super('Unreachable', message, options);
    this.name = 'UnreachableError';
  }
}

export const isApiError = (error: unknown, reason?: StatusReason): error is ApiError =>
  error instanceof ApiError && (reason === undefined || error.code === reason);

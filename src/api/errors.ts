import { visible } from './visible.ts';

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

/** Every failure that an API server returns to a client, local or over HTTP. */
export class ApiError extends Error {
  readonly reason: StatusReason;
  readonly details: Status['details'];

  constructor(
    reason: StatusReason,
    message: string,
    options: { details?: Status['details']; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'ApiError';
    this.reason = reason;
    this.details = options.details;
  }

  get code(): number {
    return codes[this.reason];
  }

  toStatus(): Status {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: visible(this.message),
      reason: this.reason,
      ...(this.details === undefined ? {} : { details: shownDetails(this.details) }),
      code: this.code,
    };
  }
}

/** A cause may quote what a client sent, and kubectl prints it unfiltered. */
const shownDetails = ({ causes, ...rest }: StatusDetails): StatusDetails =>
  causes === undefined
    ? rest
    : { ...rest, causes: causes.map((cause) => ({ ...cause, message: visible(cause.message) })) };

/** The controller cannot be reached: no socket, or the connection was refused or lost. */
export class UnreachableError extends Error {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = 'UnreachableError';
  }
}

export const isApiError = (error: unknown, reason?: StatusReason): error is ApiError =>
  error instanceof ApiError && (reason === undefined || error.reason === reason);

import { ApiError, type Status, type StatusReason, UnreachableError } from '../api/errors.ts';

const remedies: Record<string, string> = {
  ENOENT: 'no controller is running there',
  ECONNREFUSED: 'no controller is running there',
  EACCES: 'this user has no permission to use the socket',
  ECONNRESET: 'the connection was lost',
};

/** For a failure of the connection itself, with what it most likely means. */
export function unreachable(place: string, error: NodeJS.ErrnoException): UnreachableError {
  const why = (error.code === undefined ? undefined : remedies[error.code]) ?? error.message;
  return new UnreachableError(`cannot reach the controller at ${place}: ${why}`, { cause: error });
}

const reasons: Record<number, StatusReason> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  409: 'Conflict',
  410: 'Expired',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

/** Of an answer that is not 2xx. */
export function errorOf(code: number, text: string, place: string): Error {
  if (!text.startsWith('{'))
    return new ApiError(reasons[code] ?? 'InternalError', text.trim() || `HTTP ${code}`);
  const answer = parseJson(text, place) as Partial<Status>; // what an API server answers to a failure, or its HTTP layer
  if (code === 503 && answer.kind !== 'Status')
    return new UnreachableError(`cannot reach the controller at ${place}: it is shutting down`);
  return apiErrorOf(answer as Status, code); // its fields are all optional to what reads them
}

/** The error that a Status tells of; a reason that we do not know goes by the code. */
export function apiErrorOf(status: Status, code = status.code ?? 500): ApiError {
  const known =
    status.reason === 'AlreadyExists' || Object.values(reasons).some((reason) => reason === status.reason);
  const reason = known && status.reason !== undefined ? status.reason : (reasons[code] ?? 'InternalError');
  return new ApiError(
    reason,
    status.message ?? `HTTP ${code}`,
    status.details === undefined ? {} : { details: status.details },
  );
}

/** Throws UnreachableError: whatever listens there, it is not agentctl. */
export function parseJson(text: string, place: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UnreachableError(`${place} did not answer with JSON; is it really agentctl?`, {
      cause,
    });
  }
}

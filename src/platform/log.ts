import type { Logger } from 'pino';

/** What a room needs of a log: pino's interface, fields first. Never hand it a secret's value. */
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

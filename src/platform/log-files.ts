import { join } from 'node:path';

/** The log of the controllers that run in the background. */
export const controllerLog = (logs: string): string => join(logs, 'controller.log');

/** Where it is moved to when it is full, the newest first. */
export const rotatedLogs = (path: string): [string, string] => [`${path}.1`, `${path}.2`];

import { join } from 'node:path';

/** The log file of background controllers. */
export const controllerLog = (logs: string): string => join(logs, 'controller.log');

/** The paths of the rotated logs, newest first. */
export const rotatedLogs = (path: string): [string, string] => [`${path}.1`, `${path}.2`];

import packageJson from '../../package.json' with { type: 'json' };

/** The version of this program. The bundler inserts it. */
export const version: string = packageJson.version;

/** The hidden verb that runs the collector of output (see collector.ts). */
export const collectWord = '__collect';

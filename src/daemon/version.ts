import packageJson from '../../package.json' with { type: 'json' };

/** Of this program; the bundler writes it in. */
export const version: string = packageJson.version;

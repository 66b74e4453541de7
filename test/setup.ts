import fc from 'fast-check';

/**
 * In CI the properties are tried with one seed, so that the same commit gives the same verdict; elsewhere with a new one
 * each time, which fast-check prints when a property fails. PROPERTY_SEED chooses one.
 */
const seed = process.env.PROPERTY_SEED ?? (process.env.CI === 'true' ? '20261121' : undefined);
if (seed !== undefined) fc.configureGlobal({ seed: Number(seed) });

/** Times are shown in local time. */
process.env.TZ = 'UTC';

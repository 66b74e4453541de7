import fc from 'fast-check';

/** A mutant is killed by the first failure: nobody reads a smaller one. */
fc.configureGlobal({ seed: Number(process.env.PROPERTY_SEED), endOnFailure: true });

process.env.TZ = 'UTC';

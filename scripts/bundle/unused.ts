/** Stands in for a package that nothing calls. */
export const unused = true;

/** The hidden verb that runs the collector of output (see collector.ts). */
export const collectWord = '__collect';

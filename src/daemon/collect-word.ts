/** The hidden word of the command line that becomes the collector of output (see collector.ts). */
export const collectWord = '__collect';

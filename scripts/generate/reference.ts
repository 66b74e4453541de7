import type { KindSchema } from './schemas.ts';
export const generateReference = (_: KindSchema[]): string => '';

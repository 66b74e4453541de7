import type { KindSchema } from './schemas.ts';
export const generateCrds = (_: KindSchema[]): [string, string][] => [];

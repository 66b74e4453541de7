import type { FileOptions } from '../manifests.ts';

export interface ApplyOptions extends FileOptions {
  dryRun: 'none' | 'client' | 'server';
  forceConflicts?: boolean;
  fieldManager: string;
  applyset?: string;
  prune?: boolean;
  wait?: boolean;
  watch?: boolean;
  timeout: number;
  output?: 'name' | 'json' | 'yaml';
}

import { visible } from '../visible.ts';

export interface ManifestError {
  /** The source's name: a file, a URL, `<stdin>`. */
  source: string;
  /** Both count from 1; columns in characters. */
  line: number;
  column: number;
  /** `Agent/ticker`, where the document got far enough to say it. */
  object?: string;
  /** The field's path. */
  path?: string;
  /** What is wrong, with what was found and expected. */
  message: string;
  found?: string;
  expected?: string;
  /** The nearest right word for a misspelt one. */
  suggestion?: string;
}

/** One line: `agents.yaml:7:3: Agent/ticker: spec.replica: unknown field; did you mean replicas?` */
export function formatManifestError(error: ManifestError): string {
  const where = [`${error.source}:${error.line}:${error.column}`, error.object, error.path, error.message];
  const hint = error.suggestion === undefined ? '' : `; did you mean ${error.suggestion}?`;
  return visible(where.filter((part) => part !== undefined && part !== '').join(': ') + hint);
}

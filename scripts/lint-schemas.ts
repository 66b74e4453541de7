/** Holds the rules of schemas/. Prints each breach as `file: path: what is wrong`, and exits 1 if there is any. */
import { lintKind } from './generate/lint.ts';
import { readSchemas } from './generate/schemas.ts';

for (const { info, schema } of readSchemas().kinds) {
  for (const breach of lintKind(info, schema)) {
    console.error(`schemas/${info.kind.toLowerCase()}.yaml: ${breach}`);
    process.exitCode = 1;
  }
}

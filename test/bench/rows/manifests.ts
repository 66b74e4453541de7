import { parseAllDocuments } from 'yaml';
import { parseManifests } from '../../../src/api/manifest.ts';
import { manifestOf, sleeper } from '../agents.ts';
import { type Measurement, repeated, timed } from '../measure.ts';

const agents = 300;
const rounds = 12;

/** All that is checked of a manifest, by turns with the mere parsing of its YAML. */
export async function manifests(): Promise<Measurement[]> {
  const text = manifestOf(agents, { template: sleeper });
  const bytes = new TextEncoder().encode(text);
  const pairs = await repeated(rounds, async () => ({
    ours: await timed(async () => parseManifests([{ name: 'bench.yaml', bytes }])),
    yaml: await timed(async () => parseAllDocuments(text)),
  }));
  // The first rounds are those of an interpreter.
  const warm = pairs.slice(4);
  return [
    {
      name: `manifest of ${agents} agents, read and checked`,
      unit: 'ms',
      samples: warm.map(({ ours }) => ours),
      reference: { name: 'its YAML parsed', samples: warm.map(({ yaml }) => yaml) },
      aim: { times: 2 },
    },
  ];
}

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import type { Agent } from '../../src/api/objects.ts';
import type { TestEngine } from '../engines/engine.ts';
import { type Models, startModels } from './published/models.ts';
import type { DockerStage } from './runtimes.ts';

/** OpenCode as it is published, in a container, by the manifest that is handed out, with models that the test plays. */

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
/** Outside the checkout, so that it is made once. */
const cache = process.env.AGENTCTL_TEST_OPENCODE ?? join(homedir(), '.cache/agentctl/opencode');

export async function makeImage({ engine }: DockerStage): Promise<void> {
  const env = { ...process.env, DOCKER_HOST: engine.endpoint };
  await run('sh', [join(root, 'scripts/opencode.sh'), 'image', cache], { env });
}

/** The models, where containers reach them. */
export const startModelsFor = async ({ engine }: DockerStage): Promise<Models> =>
  startModels(await gatewayOf(engine));

/** The host's address on the network that instances are put on. */
async function gatewayOf(engine: TestEngine): Promise<string> {
  await engine.call('POST', '/networks/create', { Name: 'agentctl', Driver: 'bridge', CheckDuplicate: true });
  const { text } = await engine.call('GET', '/networks/agentctl');
  const [gateway] = /(?<="Gateway":")[\d.]+/.exec(text) ?? [];
  if (gateway === undefined) throw new Error(`the network agentctl has no gateway: ${text}`);
  return gateway;
}

/** The manifest that is handed out, with what its reader would change: a model, a prompt, and the provider's file. */
export function opencode({ url }: Models): string {
  const agent = parse(readFileSync(join(root, 'manifests/opencode-container.yaml'), 'utf8')) as Agent; // it is checked elsewhere
  const { spec } = agent;
  Object.assign(spec, { model: 'stub/two', systemPrompt: 'You are the painter.' });
  const provider = {
    npm: '@ai-sdk/openai-compatible',
    options: { baseURL: `${url}/v1`, apiKey: 'none' },
    models: { one: model, two: model },
  };
  const config = { enabled_providers: ['stub'], small_model: 'stub/one', provider: { stub: provider } };
  spec.template.files = [{ path: '/work/opencode.json', content: JSON.stringify(config), mode: '0444' }];
  // What it would ask the world about models.
  const quiet = { name: 'OPENCODE_DISABLE_MODELS_FETCH', value: '1' };
  spec.template.env = [...(spec.template.env ?? []), quiet];
  return JSON.stringify(agent);
}

const model = { limit: { context: 200_000, output: 10_000 } };

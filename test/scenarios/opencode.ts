import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import type { Agent } from '../../src/api/objects.ts';
import type { TestEngine } from '../engines/engine.ts';
import type { Stage } from './runtimes.ts';
import type { Session } from './support.ts';

/** OpenCode as it is published, by the manifest that is handed out, with a provider of models that the test plays. */

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
/** Outside the checkout, so that it is fetched once. */
const cache = process.env.AGENTCTL_TEST_OPENCODE ?? join(homedir(), '.cache/agentctl/opencode');

/** Installs the program, or makes its image; answers the folder of the program, or the image. */
async function install(engine: TestEngine | undefined): Promise<string> {
  const env = { ...process.env, ...(engine && { DOCKER_HOST: engine.endpoint }) };
  const what = engine === undefined ? 'install' : 'image';
  const { stdout } = await run('sh', [join(root, 'scripts/opencode.sh'), what, cache], { env });
  return stdout.trim();
}

/** What the provider was asked; see test/agents/openai-stub.mjs. */
export interface Request {
  model: string;
  messages: { role: string; content: unknown }[];
  tools: string[];
}

export interface Provider {
  url: string;
  requests(): Promise<Request[]>;
  end(): void;
}

export async function startProvider({ engine }: Stage): Promise<Provider> {
  const host = engine === undefined ? '127.0.0.1' : await gatewayOf(engine);
  const child = spawn(process.execPath, [join(root, 'test/agents/openai-stub.mjs'), host], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (line: Buffer) => resolve(line.toString().trim()));
    child.once('exit', (code) => reject(new Error(`the provider ended with ${code}`)));
  });
  return {
    url,
    requests: async () => (await fetch(new URL('/requests', url))).json() as Promise<Request[]>, // as it says
    end: () => child.kill(),
  };
}

/** The host's address on the network that instances are put on. */
async function gatewayOf(engine: TestEngine): Promise<string> {
  await engine.call('POST', '/networks/create', { Name: 'agentctl', Driver: 'bridge', CheckDuplicate: true });
  const { text } = await engine.call('GET', '/networks/agentctl');
  const [gateway] = /(?<="Gateway":")[\d.]+/.exec(text) ?? [];
  if (gateway === undefined) throw new Error(`the network agentctl has no gateway: ${text}`);
  return gateway;
}

/** The manifest that is handed out, with what its reader would change: a model, a prompt, and the provider's file. */
export async function opencode({ engine }: Stage, session: Session, { url }: Provider): Promise<string> {
  const found = await install(engine);
  const name = engine === undefined ? 'opencode' : 'opencode-container';
  const agent = parse(readFileSync(join(root, `manifests/${name}.yaml`), 'utf8')) as Agent; // it is checked elsewhere
  const { spec } = agent;
  Object.assign(spec, { model: 'stub/two', systemPrompt: 'You are the painter.' });
  const { template } = spec;
  const provider = {
    npm: '@ai-sdk/openai-compatible',
    options: { baseURL: url, apiKey: 'none' },
    models: { one: model, two: model },
  };
  const config = { enabled_providers: ['stub'], small_model: 'stub/one', provider: { stub: provider } };
  const path = engine === undefined ? 'opencode.json' : '/work/opencode.json';
  template.files = [{ path, content: JSON.stringify(config), mode: '0444' }];
  const { env = [] } = template;
  // What it would ask the world about models.
  env.push({ name: 'OPENCODE_DISABLE_MODELS_FETCH', value: '1' });
  if (engine === undefined)
    env.push({ name: 'HOME', value: session.folder }, { name: 'PATH', value: `${found}:/usr/bin:/bin` });
  template.env = env;
  return JSON.stringify(agent);
}

const model = { limit: { context: 8_000, output: 1_000 } };

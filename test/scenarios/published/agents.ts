import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { Agent } from '../../../src/api/objects.ts';
import type { Check } from './checks.ts';

/** The published agents that can be pointed at scripted models, one description each. */

export interface Published {
  /** Its name in scripts/agents.sh, as an Agent, and where there is one in `agentctl init`. */
  name: string;
  title: string;
  /** What its model is spoken to by. */
  wire: string;
  /** Without a manifest of `agentctl init`: what runs it. */
  command: string[];
  /** As the agent names the model. */
  model: string;
  /** What the provider is then asked for; without, `two`. */
  asks?: string;
  /** What points it at the models. */
  env(place: Place): Record<string, string>;
  /** Files of its home folder. */
  files?(place: Place): Record<string, string>;
  /** Files of its working folder, beside or in place of those of the manifest. */
  work?(place: Place): Record<string, string>;
  /** It names a session's file by the minute: one that is loaded within the minute it was made in is written over. */
  sessionsByMinute?: true;
  /** What it fails, and whose fault that is. */
  minus: Partial<Record<Check, Minus>>;
}

interface Minus {
  fault: 'agent' | 'agentctl';
  why: string;
}

export interface Place {
  /** Of the models: http://HOST:PORT */
  url: string;
  /** The home folder of the agent. */
  home: string;
  /** The folder of its programs. */
  bin: string;
}

const root = join(import.meta.dirname, '../../..');
const json = JSON.stringify;
const limit = { context: 200_000, output: 10_000 };

/** What `init` writes, or a plain manifest, with what its reader would change. */
export function manifest({ name, command, model, env, work }: Published, place: Place): object {
  const path = join(root, 'manifests', `${name}.yaml`);
  const text = existsSync(path) ? readFileSync(path, 'utf8') : plain(name, command);
  const agent = parse(text) as Agent; // it is checked elsewhere
  const { spec } = agent;
  const variables = {
    HOME: place.home,
    PATH: [place.bin, join(process.execPath, '..'), '/usr/bin', '/bin'].join(':'),
    ...env(place),
  };
  const { env: own = [] } = spec.template;
  spec.template.env = [
    ...own.filter((variable) => !(variable.name in variables)),
    ...Object.entries(variables).map(([variable, value]) => ({ name: variable, value })),
  ];
  const files = Object.entries(work?.(place) ?? {}).map(([file, content]) => ({ path: file, content }));
  const kept = (spec.template.files ?? []).filter((one) => files.every((file) => file.path !== one.path));
  if (files.length > 0) Object.assign(spec.template, { files: [...kept, ...files] });
  Object.assign(spec, { model, systemPrompt });
  return agent;
}

export const systemPrompt = 'You are the painter.';

const plain = (name: string, command: string[]): string => `
apiVersion: agentctl.dev/v1
kind: Agent
metadata: { name: ${name} }
spec:
  protocol: acp
  permissions:
    default: Ask
    rules:
      - { toolKind: read, action: Allow }
      - { toolKind: search, action: Allow }
      - { toolKind: think, action: Allow }
  template:
    command: ${json(command)}
`;

export const published: readonly Published[] = [
  {
    name: 'opencode',
    title: 'OpenCode',
    wire: 'OpenAI chat completions',
    command: ['opencode', 'acp'],
    model: 'stub/two',
    env: () => ({ OPENCODE_DISABLE_MODELS_FETCH: '1' }),
    files: ({ url }) => ({
      '.config/opencode/opencode.json': json({
        enabled_providers: ['stub'],
        small_model: 'stub/one',
        provider: {
          stub: {
            npm: '@ai-sdk/openai-compatible',
            options: { baseURL: `${url}/v1`, apiKey: 'none' },
            models: { one: { limit }, two: { limit } },
          },
        },
      }),
    }),
    minus: {},
  },
  {
    name: 'codex',
    title: 'Codex',
    wire: 'OpenAI responses',
    command: ['codex-acp'],
    // One that it knows, since it warns in its answers of others; and that has tools, and not one that takes programs.
    model: 'gpt-5.5',
    asks: 'gpt-5.5',
    env: ({ url }) => ({
      MODEL_PROVIDER: 'stub',
      CODEX_CONFIG: json({
        model: 'gpt-5.5',
        model_provider: 'stub',
        model_providers: {
          stub: { name: 'stub', base_url: `${url}/v1`, env_key: 'OPENAI_API_KEY', wire_api: 'responses' },
        },
      }),
    }),
    minus: {},
  },
  {
    name: 'claude',
    title: 'Claude Code',
    wire: 'Anthropic messages',
    command: ['claude-agent-acp'],
    model: 'two',
    env: ({ url }) => ({
      ANTHROPIC_BASE_URL: url,
      ANTHROPIC_MODEL: 'one',
      ANTHROPIC_CUSTOM_MODEL_OPTION: 'two',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    }),
    minus: {},
  },
  {
    name: 'gemini',
    title: 'Gemini CLI',
    wire: 'Gemini generateContent',
    command: ['gemini', '--acp'],
    model: 'gemini-2.5-pro',
    asks: 'gemini-2.5-pro',
    sessionsByMinute: true,
    env: ({ url }) => ({ GOOGLE_GEMINI_BASE_URL: url }),
    files: () => ({
      '.gemini/settings.json': json({
        security: { auth: { selectedType: 'gemini-api-key' } },
        privacy: { usageStatisticsEnabled: false },
      }),
    }),
    minus: {},
  },
  {
    name: 'qwen',
    title: 'Qwen Code',
    wire: 'OpenAI chat completions',
    command: ['qwen', '--acp'],
    model: 'two',
    env: () => ({ OPENAI_API_KEY: 'none' }),
    files: ({ url }) => ({
      '.qwen/settings.json': json({
        model: { name: 'one' },
        modelProviders: {
          openai: ['one', 'two'].map((id) => ({
            id,
            name: id,
            baseUrl: `${url}/v1`,
            envKey: 'OPENAI_API_KEY',
          })),
        },
        security: { auth: { selectedType: 'openai' } },
        privacy: { usageStatisticsEnabled: false },
      }),
    }),
    minus: {},
  },
  {
    name: 'pi',
    title: 'pi',
    wire: 'OpenAI chat completions',
    command: ['pi-acp'],
    model: 'stub/two',
    env: () => ({ PI_OFFLINE: '1' }),
    work: ({ url }) => ({
      'pi-agent/models.json': json({
        providers: {
          stub: {
            baseUrl: `${url}/v1`,
            api: 'openai-completions',
            apiKey: 'none',
            models: ['one', 'two'].map((id) => ({
              id,
              contextWindow: limit.context,
              maxTokens: limit.output,
            })),
          },
        },
      }),
      'pi-agent/settings.json': json({ defaultProvider: 'stub', defaultModel: 'one', quietStartup: true }),
    }),
    minus: {
      usage: { fault: 'agent', why: 'It reports how full its context is, but not what a turn used.' },
      'agent to agent': { fault: 'agent', why: 'It does not use the MCP servers of a session.' },
    },
  },
  {
    name: 'copilot',
    title: 'GitHub Copilot CLI',
    wire: 'OpenAI chat completions',
    command: ['copilot', '--acp'],
    model: 'two',
    env: ({ url }) => ({
      COPILOT_PROVIDER_BASE_URL: `${url}/v1`,
      COPILOT_OFFLINE: 'true',
      COPILOT_MODEL: 'two',
    }),
    minus: {
      model: {
        fault: 'agent',
        why: 'With a custom provider, only COPILOT_MODEL sets its model.',
      },
    },
  },
  {
    name: 'vibe',
    title: 'Mistral Vibe',
    wire: 'OpenAI chat completions',
    command: ['vibe-acp'],
    model: 'two',
    env: () => ({ STUB_KEY: 'none' }),
    files: ({ url }) => ({
      '.vibe/config.toml': `active_model = "one"
default_agent = "ask"
enable_telemetry = false
enable_update_checks = false
[[providers]]
name = "stub"
api_base = "${url}/v1"
api_key_env_var = "STUB_KEY"
${['one', 'two'].map((name) => `[[models]]\nname = "${name}"\nprovider = "stub"\nalias = "${name}"\n`).join('')}`,
    }),
    minus: {},
  },
  {
    name: 'deepagents',
    title: 'deepagents-acp',
    wire: 'Anthropic messages',
    command: ['python', join(root, 'test/scenarios/published/coder.py')],
    model: 'anthropic:two',
    env: ({ url }) => ({ ANTHROPIC_BASE_URL: url, ANTHROPIC_API_KEY: 'none', LANGSMITH_TRACING: 'false' }),
    minus: {
      usage: { fault: 'agent', why: 'It does not report what a turn used.' },
      'agent to agent': { fault: 'agent', why: 'It does not use the MCP servers of a session.' },
    },
  },
];

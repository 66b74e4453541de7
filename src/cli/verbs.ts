import type { Command } from 'commander';
import type { Cli } from './cli.ts';

/**
 * A verb's module: `define` adds arguments, options, examples and the action to a command that already has its name.
 */
interface VerbModule {
  define(command: Command, cli: Cli): void;
}

export interface Verb {
  name: string;
  aliases?: readonly string[];
  group: string;
  summary: string;
  load(): Promise<VerbModule>;
}

const start = 'Start here:';
const objects = 'Objects:';
const talk = 'Talk to agents:';
const agents = 'Agents:';
const files = 'Manifests:';
const controller = 'Controller:';
const other = 'Other:';

/** The only list of verbs. To add one, add a file in verbs/ and a line here. */
export const verbs: readonly Verb[] = [
  {
    name: 'init',
    group: start,
    summary: 'Create a manifest from a template',
    load: () => import('./verbs/init.ts'),
  },
  {
    name: 'apply',
    group: start,
    summary: 'Create or update objects from files or folders',
    load: () => import('./verbs/apply.ts'),
  },
  { name: 'get', group: start, summary: 'List objects', load: () => import('./verbs/get.ts') },
  {
    name: 'describe',
    group: start,
    summary: 'Show the details of an object',
    load: () => import('./verbs/describe.ts'),
  },
  {
    name: 'logs',
    aliases: ['log'],
    group: start,
    summary: "Show the logs of an agent's instances",
    load: () => import('./verbs/logs.ts'),
  },
  { name: 'delete', group: start, summary: 'Delete objects', load: () => import('./verbs/delete.ts') },

  {
    name: 'send',
    group: talk,
    summary: 'Send a message to an agent',
    load: () => import('./verbs/send.ts'),
  },
  {
    name: 'chat',
    group: talk,
    summary: 'Chat with an agent',
    load: () => import('./verbs/chat.ts'),
  },
  {
    name: 'run',
    group: talk,
    summary: 'Start an agent, send it one prompt and print the answer',
    load: () => import('./verbs/run.ts'),
  },
  {
    name: 'messages',
    aliases: ['message'],
    group: talk,
    summary: 'List, show, retry and cancel messages',
    load: () => import('./verbs/messages.ts'),
  },
  {
    name: 'conversations',
    aliases: ['conversation'],
    group: talk,
    summary: 'List, show and close conversations',
    load: () => import('./verbs/conversations.ts'),
  },
  {
    name: 'approve',
    group: talk,
    summary: 'Approve a request of an agent, a sync or a Runtime',
    load: () => import('./verbs/approve.ts'),
  },
  {
    name: 'deny',
    group: talk,
    summary: 'Deny a request of an agent',
    load: async () => ({ define: (await import('./verbs/approve.ts')).defineDeny }),
  },
  {
    name: 'query',
    group: talk,
    summary: 'Send a query to an agent and print its answer',
    load: () => import('./verbs/query.ts'),
  },
  {
    name: 'usage',
    group: talk,
    summary: 'Show the tokens and the cost of agents by model',
    load: () => import('./verbs/usage.ts'),
  },
  {
    name: 'mcp',
    group: talk,
    summary: 'Offer agents as MCP tools to an editor or another agent',
    load: () => import('./verbs/mcp.ts'),
  },

  {
    name: 'suspend',
    group: agents,
    summary: 'Stop agents and keep them stopped',
    load: () => import('./verbs/suspend.ts'),
  },
  {
    name: 'resume',
    group: agents,
    summary: 'Start agents again after a suspend or a failure',
    load: async () => ({ define: (await import('./verbs/suspend.ts')).defineResume }),
  },
  {
    name: 'rollout',
    group: agents,
    summary: 'Watch, restart and undo rollouts of agents',
    load: () => import('./verbs/rollout.ts'),
  },
  {
    name: 'scale',
    group: agents,
    summary: 'Set the number of instances of an agent',
    load: () => import('./verbs/scale.ts'),
  },
  {
    name: 'forecast',
    group: agents,
    summary: 'Show what will happen to an agent, and when',
    load: () => import('./verbs/forecast.ts'),
  },
  {
    name: 'wait',
    group: agents,
    summary: 'Wait for a condition of objects',
    load: () => import('./verbs/wait.ts'),
  },
  {
    name: 'events',
    group: agents,
    summary: 'List events',
    load: () => import('./verbs/events.ts'),
  },

  {
    name: 'validate',
    group: files,
    summary: 'Check manifests without a controller',
    load: () => import('./verbs/validate.ts'),
  },
  {
    name: 'diff',
    group: files,
    summary: 'Compare manifests with the current state',
    load: () => import('./verbs/diff.ts'),
  },
  {
    name: 'plan',
    group: files,
    summary: 'Show what applying manifests would do',
    load: () => import('./verbs/plan.ts'),
  },
  {
    name: 'sync',
    group: files,
    summary: 'Sync from a repository or folder now',
    load: () => import('./verbs/sync.ts'),
  },
  {
    name: 'explain',
    group: files,
    summary: 'Show the fields of a kind',
    load: () => import('./verbs/explain.ts'),
  },

  {
    name: 'create',
    group: objects,
    summary: 'Create a secret, a configmap or a namespace',
    load: () => import('./verbs/create.ts'),
  },
  {
    name: 'edit',
    group: objects,
    summary: 'Edit an object in your editor',
    load: () => import('./verbs/edit.ts'),
  },
  {
    name: 'patch',
    group: objects,
    summary: 'Update fields of an object',
    load: () => import('./verbs/patch.ts'),
  },
  { name: 'label', group: objects, summary: 'Set or remove labels', load: () => import('./verbs/label.ts') },
  {
    name: 'annotate',
    group: objects,
    summary: 'Set or remove annotations',
    load: async () => ({ define: (await import('./verbs/label.ts')).defineAnnotate }),
  },

  {
    name: 'controller',
    group: controller,
    summary: 'Start, stop and check the controller in the background',
    load: () => import('./verbs/controller.ts'),
  },
  {
    name: 'serve',
    group: controller,
    summary: 'Run the controller in the foreground',
    load: () => import('./verbs/serve.ts'),
  },

  {
    name: 'api-resources',
    group: other,
    summary: 'List the kinds of objects',
    load: () => import('./verbs/api-resources.ts'),
  },
  {
    name: 'kubeconfig',
    group: other,
    summary: 'Print a kubeconfig for kubectl',
    load: () => import('./verbs/kubeconfig.ts'),
  },
  {
    name: 'completion',
    group: other,
    summary: 'Print a completion script for your shell',
    load: () => import('./verbs/completion.ts'),
  },
  {
    name: 'version',
    group: other,
    summary: 'Show the versions of agentctl and the controller',
    load: () => import('./verbs/version.ts'),
  },
];

export const findVerb = (name: string): Verb | undefined =>
  verbs.find((verb) => verb.name === name || verb.aliases?.includes(name) === true);

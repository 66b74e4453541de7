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

const verb = (
  name: string,
  group: string,
  summary: string,
  load: Verb['load'],
  aliases?: readonly string[],
): Verb => ({ name, group, summary, load, ...(aliases && { aliases }) });

/** The only list of verbs. To add one, add a file in verbs/ and a line here. */
export const verbs: readonly Verb[] = [
  verb('init', start, 'Create a manifest from a template', () => import('./verbs/init.ts')),
  verb('apply', start, 'Create or update objects from files or folders', () => import('./verbs/apply.ts')),
  verb('get', start, 'List objects', () => import('./verbs/get.ts')),
  verb('describe', start, 'Show the details of an object', () => import('./verbs/describe.ts')),
  verb('logs', start, "Show the logs of an agent's instances", () => import('./verbs/logs.ts'), ['log']),
  verb('delete', start, 'Delete objects', () => import('./verbs/delete.ts')),

  verb('send', talk, 'Send a message to an agent', () => import('./verbs/send.ts')),
  verb('chat', talk, 'Chat with an agent', () => import('./verbs/chat.ts')),
  verb(
    'run',
    talk,
    'Start an agent, send it one prompt and print the answer',
    () => import('./verbs/run.ts'),
  ),
  verb('messages', talk, 'List, show, retry and cancel messages', () => import('./verbs/messages.ts'), [
    'message',
  ]),
  verb(
    'conversations',
    talk,
    'List, show and close conversations',
    () => import('./verbs/conversations.ts'),
    ['conversation'],
  ),
  verb(
    'approve',
    talk,
    'Approve a request of an agent, a sync or a Runtime',
    () => import('./verbs/approve.ts'),
  ),
  verb('deny', talk, 'Deny a request of an agent', async () => ({
    define: (await import('./verbs/approve.ts')).defineDeny,
  })),
  verb('query', talk, 'Send a query to an agent and print its answer', () => import('./verbs/query.ts')),
  verb('usage', talk, 'Show the tokens and the cost of agents by model', () => import('./verbs/usage.ts')),
  verb(
    'mcp',
    talk,
    'Offer agents as MCP tools to an editor or another agent',
    () => import('./verbs/mcp.ts'),
  ),

  verb('suspend', agents, 'Stop agents and keep them stopped', () => import('./verbs/suspend.ts')),
  verb('resume', agents, 'Start agents again after a suspend or a failure', async () => ({
    define: (await import('./verbs/suspend.ts')).defineResume,
  })),
  verb('rollout', agents, 'Watch, restart and undo rollouts of agents', () => import('./verbs/rollout.ts')),
  verb('scale', agents, 'Set the number of instances of an agent', () => import('./verbs/scale.ts')),
  verb(
    'forecast',
    agents,
    'Show what will happen to an agent, and when',
    () => import('./verbs/forecast.ts'),
  ),
  verb('wait', agents, 'Wait for a condition of objects', () => import('./verbs/wait.ts')),
  verb('events', agents, 'List events', () => import('./verbs/events.ts')),

  verb('validate', files, 'Check manifests without a controller', () => import('./verbs/validate.ts')),
  verb('diff', files, 'Compare manifests with the current state', () => import('./verbs/diff.ts')),
  verb('plan', files, 'Show what applying manifests would do', () => import('./verbs/plan.ts')),
  verb('sync', files, 'Sync from a repository or folder now', () => import('./verbs/sync.ts')),
  verb('explain', files, 'Show the fields of a kind', () => import('./verbs/explain.ts')),

  verb('create', objects, 'Create a secret, a configmap or a namespace', () => import('./verbs/create.ts')),
  verb('edit', objects, 'Edit an object in your editor', () => import('./verbs/edit.ts')),
  verb('patch', objects, 'Update fields of an object', () => import('./verbs/patch.ts')),
  verb('label', objects, 'Set or remove labels', () => import('./verbs/label.ts')),
  verb('annotate', objects, 'Set or remove annotations', async () => ({
    define: (await import('./verbs/label.ts')).defineAnnotate,
  })),

  verb(
    'controller',
    controller,
    'Start, stop and check the controller in the background',
    () => import('./verbs/controller.ts'),
  ),
  verb('serve', controller, 'Run the controller in the foreground', () => import('./verbs/serve.ts')),

  verb('api-resources', other, 'List the kinds of objects', () => import('./verbs/api-resources.ts')),
  verb('kubeconfig', other, 'Print a kubeconfig for kubectl', () => import('./verbs/kubeconfig.ts')),
  verb(
    'completion',
    other,
    'Print a completion script for your shell',
    () => import('./verbs/completion.ts'),
  ),
  verb(
    'version',
    other,
    'Show the versions of agentctl and the controller',
    () => import('./verbs/version.ts'),
  ),
];

export const findVerb = (name: string): Verb | undefined =>
  verbs.find((verb) => verb.name === name || verb.aliases?.includes(name) === true);

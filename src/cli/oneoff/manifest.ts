import { withoutServerFields } from '../../api/exported.ts';
import { listed } from '../../api/listed.ts';
import { formatManifestError, parseManifests } from '../../api/manifest.ts';
import type { Agent, New } from '../../api/objects.ts';
import type { Cli } from '../cli.ts';
import { CliError, UsageError } from '../failure.ts';
import { readSources } from '../files.ts';
import { type GlobalOptions, namespaceOf } from '../options.ts';

export interface AgentOptions extends GlobalOptions {
  filename?: string;
  image?: string;
  protocol?: 'acp' | 'jsonl';
  model?: string;
  env?: string[];
  runtime?: string;
  permissions?: 'allow' | 'deny' | 'ask';
}

/** The Agent that a file or the flags describe, under `name` or a generated one. */
export async function agentToRun(
  name: string | undefined,
  command: readonly string[],
  options: AgentOptions,
  cli: Cli,
): Promise<New<Agent>> {
  const found =
    options.filename === undefined ? fromFlags(command, options) : await fromFile(command, options, cli);
  if (found.spec?.protocol === undefined || found.spec.protocol === 'none') {
    throw new CliError('this agent has no protocol: set spec.protocol to acp or jsonl');
  }
  const { name: own, generateName = 'run-', ...metadata } = found.metadata;
  const namespace = metadata.namespace ?? namespaceOf(options, cli.environment);
  const called = name ?? own;
  return {
    ...found,
    metadata: { ...metadata, namespace, ...(called === undefined ? { generateName } : { name: called }) },
  };
}

const agentFlags = ['image', 'protocol', 'model', 'env', 'runtime', 'permissions'] as const;

async function fromFile(command: readonly string[], options: AgentOptions, cli: Cli): Promise<New<Agent>> {
  const flag = agentFlags.find((each) => options[each] !== undefined);
  if (flag !== undefined || command.length > 0) {
    throw new UsageError(
      `-f cannot be combined with ${flag === undefined ? 'the command' : `--${flag}`}, or -f`,
    );
  }
  const sources = await readSources({ filename: [options.filename ?? '-'] }, cli);
  const { documents, errors } = parseManifests(sources, { namespace: namespaceOf(options, cli.environment) });
  if (errors.length > 0) throw new CliError(errors.map(formatManifestError).join('\nerror: '));
  const [first, ...more] = documents;
  if (first?.info.kind !== 'Agent' || more.length > 0) {
    throw new CliError(
      `${options.filename}: found ${listed(documents.map(({ info }) => info.kind)) || 'nothing'}, expected one Agent. Apply other objects first: agentctl apply -f`,
    );
  }
  return withoutServerFields(first.object as New<Agent>).object; // validated as that kind
}

function fromFlags(command: readonly string[], options: AgentOptions): New<Agent> {
  const { image, protocol = 'acp', model, runtime, permissions } = options;
  if (image === undefined && command.length === 0) {
    throw new UsageError(
      'specify what to run: -f FILE, --image IMAGE, or -- COMMAND ARGS... as a process of this host',
    );
  }
  return {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Agent',
    metadata: {},
    spec: {
      protocol,
      ...(model === undefined ? {} : { model }),
      ...(runtime === undefined ? {} : { runtimeRef: { name: runtime } }),
      ...(permissions === undefined ? {} : { permissions: { default: actions[permissions] } }),
      // One start is all that is asked for: an end of it is told, and not made good.
      policy: { restart: { on: 'Never' } },
      template: {
        ...(image === undefined ? {} : { image }),
        ...(command.length === 0 ? {} : { command: [...command] }),
        ...(options.env === undefined ? {} : { env: options.env.map(variable) }),
      },
    },
  };
}

const actions = { allow: 'Allow', deny: 'Deny', ask: 'Ask' } as const;

function variable(text: string): { name: string; value: string } {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new UsageError(`--env: found ${JSON.stringify(text)}, expected NAME=value`);
  }
  return { name, value };
}

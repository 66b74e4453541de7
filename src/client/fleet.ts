import { ApiError } from '../api/errors.ts';
import { kindInfo } from '../api/kinds.ts';
import { formatManifestError } from '../api/manifest.ts';
import { type Agent, isTerminating, keyOf, type Message, type New } from '../api/objects.ts';
import type { Parser } from '../sources/parsing/parser.ts';
import { SourceError } from '../sources/source.ts';
import { found, type Resources } from './resources.ts';
import type { MessageApi } from './streams.ts';
import { lostWith } from './write-objects.ts';

/** What an agent, or a person's MCP client, can do with the agents of one namespace. Failures are ApiErrors. */
export interface Fleet {
  list(): Promise<FleetAgent[]>;
  /** Resolves with the final message, or with its current state when the signal aborts. */
  send(request: FleetMessage, signal: AbortSignal): Promise<Message>;
  /** Waits for the end of a message that was sent before. */
  follow(id: string, signal: AbortSignal): Promise<Message>;
  /** Returns the Agent that a manifest would create. */
  preview(manifest: string): Promise<Agent>;
  /** Applies one Agent from a manifest. Returns its name and what was done. */
  apply(manifest: string): Promise<{ name: string; done: 'created' | 'configured' }>;
  start(name: string): Promise<void>;
  stop(name: string): Promise<void>;
  remove(name: string): Promise<void>;
}

interface FleetAgent {
  name: string;
  phase: string;
  ready: string;
  /** Whether it accepts messages. */
  talks: boolean;
  model?: string | undefined;
  /** The first line of its system prompt. */
  identity?: string | undefined;
  capabilities: readonly string[];
}

interface FleetMessage {
  to: string;
  text: string;
  conversation?: string | undefined;
}

/** Returns a Fleet over the API, for `user`. */
export function fleetOf(parts: {
  resources: Resources;
  streams: Pick<MessageApi, 'send' | 'stream'>;
  /** Parses the manifests. */
  parser: Parser;
  /** Required if `resources` has no messages. */
  message?: (key: { namespace: string; name: string }) => Promise<Message>;
  namespace: string;
  user: string;
  /** See WriteOptions. */
  author?: string | undefined;
}): Fleet {
  const { resources, streams, parser, namespace, user, author } = parts;
  const { message: messageOf = (key) => resources.get('Message', key) } = parts;
  const patch = async (name: string, spec: object): Promise<void> => {
    const patch = { type: 'merge' as const, body: { spec } };
    kept(await resources.patch('Agent', { namespace, name }, patch, { fieldManager: user, author }));
  };
  const applied = (agent: Named, { dryRun = false } = {}): Promise<Agent> => {
    const { name } = agent.metadata;
    const patch = { type: 'apply' as const, body: agent };
    const options = { fieldManager: user, author, force: true, dryRun };
    return resources.patch('Agent', { namespace, name }, patch, options);
  };
  const agentIn = (manifest: string): Promise<Named> => oneAgent(manifest, namespace, parser, user);
  const follow: Fleet['follow'] = async (id, signal) => {
    for await (const entry of streams.stream({ namespace, name: id }, { signal }))
      if ('end' in entry) return entry.end;
    return messageOf({ namespace, name: id });
  };
  return {
    async list() {
      const { items } = await resources.list('Agent', { namespace });
      return items.map(summary);
    },
    async send({ to, text, conversation }, signal) {
      const [message] = await streams.send({ namespace, name: to }, [{ text, conversation, from: user }]);
      if (message === undefined) throw new ApiError('InternalError', 'the server did not return a message');
      return follow(message.metadata.name, signal);
    },
    follow,
    preview: async (manifest) => applied(await agentIn(manifest), { dryRun: true }),
    async apply(manifest) {
      const agent = await agentIn(manifest);
      const { name } = agent.metadata;
      const before = await found(resources.get('Agent', { namespace, name }));
      kept(await applied(agent));
      return { name, done: before === undefined ? 'created' : 'configured' };
    },
    start: (name) => patch(name, { suspend: false }),
    stop: (name) => patch(name, { suspend: true }),
    async remove(name) {
      await resources.delete('Agent', { namespace, name });
    },
  };
}

/** Throws ApiError Conflict if the Agent is being deleted, so that the write would be lost. */
function kept(agent: Agent): void {
  if (isTerminating(agent)) throw lostWith({ info: kindInfo('Agent'), key: keyOf(agent) });
}

function summary({ metadata, spec, status }: Agent): FleetAgent {
  return {
    name: metadata.name,
    phase: status?.phase ?? 'Pending',
    ready: `${status?.readyReplicas ?? 0}/${spec.replicas}`,
    talks: spec.protocol !== 'none',
    model: spec.model,
    identity: spec.systemPrompt?.split('\n', 1)[0],
    capabilities: spec.capabilities ?? [],
  };
}

type Named = New<Agent> & { metadata: { name: string } };

/** In bytes. */
const mostManifest = 1024 * 1024;

/** Returns the only Agent in the manifest, in this namespace. */
async function oneAgent(manifest: string, namespace: string, parser: Parser, owner: string): Promise<Named> {
  const bytes = Buffer.from(manifest);
  if (bytes.length > mostManifest)
    throw new ApiError(
      'RequestEntityTooLarge',
      `the manifest has ${bytes.length} bytes, expected at most ${mostManifest}`,
    );
  const { read } = await parser.parse([{ name: 'manifest', bytes }], { owner }).catch((cause: unknown) => {
    if (cause instanceof SourceError) throw new ApiError('Invalid', cause.message, { cause });
    throw cause;
  });
  const [{ documents = [], errors = [] } = {}] = read;
  if (errors.length > 0)
    throw new ApiError('Invalid', errors.map((error) => formatManifestError(error)).join('\n'));
  const [document, ...others] = documents;
  if (document?.kind !== 'Agent' || others.length > 0 || document.name === undefined)
    throw new ApiError('Invalid', 'the manifest must contain one Agent with a name, and nothing else');
  if ((document.namespace ?? namespace) !== namespace)
    throw new ApiError('Forbidden', `agents can only be applied to the namespace ${namespace}`);
  const object: New<Agent> = JSON.parse(document.json); // validated against the schema of an Agent
  return { ...object, metadata: { ...object.metadata, name: document.name, namespace } };
}

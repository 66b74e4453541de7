import { ApiError } from '../api/errors.ts';
import type { Agent, Message } from '../api/objects.ts';
import { type Fleet, fleetOf } from '../client/fleet.ts';
import type { Resources } from '../client/resources.ts';
import { checkAccess } from '../conversations/peers.ts';
import type { AgentSender, Asking, ToolsTalk } from '../conversations/ports.ts';
import type { Parser } from '../sources/parsing/parser.ts';

interface Parts {
  talk: ToolsTalk;
  resources: Resources;
  parser: Parser;
  /** Returns the default Runtime of an Agent without runtimeRef. */
  runtimeFor(hasImage: boolean): string | undefined;
  /** Author of the Agents that the instance creates; see makerAuthor. */
  author: string | undefined;
}

/**
 * The Fleet of one instance: the agents of its namespace, as far as its Agent's spec.fleetAccess permits. It sees only
 * the messages and conversations that its own Agent began.
 */
export function fleetFor(deps: Parts, from: Agent, instance: Asking): Fleet {
  const { talk, resources, parser, runtimeFor, author } = deps;
  const { namespace = 'default', name } = from.metadata;
  const user = `agent:${name}`;
  const sender: AgentSender = { kind: 'Agent', namespace, name, instance: instance.name, uid: instance.uid };
  const common = fleetOf({
    resources,
    streams: { stream: (key, options) => talk.stream(key, options), send: refuse },
    parser,
    message: async (key) => talk.message(key),
    namespace,
    user,
    author,
  });
  return {
    ...common,
    async list() {
      checkAccess(from, 'see others');
      return (await common.list()).filter((agent) => agent.name !== name);
    },
    async follow(id, signal) {
      checkAccess(from, 'read answers');
      talk.message({ namespace, name: id }, sender);
      return common.follow(id, signal);
    },
    async send({ to, text, conversation }, signal): Promise<Message> {
      const sent = await talk.ask(from, sender, { to, text, conversation });
      return common.follow(sent.id, signal);
    },
    apply: (manifest) =>
      managing(from, async () => {
        // The manifest may omit fields that the Agent already has, so the merged spec is checked.
        const { metadata, spec } = await common.preview(manifest);
        if (metadata.name === name)
          throw new ApiError('Forbidden', `${name} cannot change its own manifest.`);
        const runtime = spec.runtimeRef?.name ?? runtimeFor(spec.template.image !== undefined);
        if (runtime !== instance.runtime)
          throw new ApiError(
            'Forbidden',
            `${name} can only apply agents to its own Runtime ${instance.runtime}, and ${metadata.name} is for ${runtime ?? 'a Runtime that does not exist'}.`,
          );
        if (spec.policy?.notify.some(({ command }) => command !== undefined))
          throw new ApiError(
            'Forbidden',
            `${name} cannot apply an agent with a command in spec.policy.notify, because the command runs on the controller's host.`,
          );
        return common.apply(manifest);
      }),
    start: (other) => managing(from, () => common.start(other)),
    stop: (other) => managing(from, () => common.stop(other)),
    remove: (other) => managing(from, () => common.remove(other)),
  };
}

async function managing<T>(from: Agent, work: () => Promise<T>): Promise<T> {
  checkAccess(from, 'manage agents');
  if (from.spec.fleetAccess === 'Manage') return work();
  throw new ApiError(
    'Forbidden',
    `${from.metadata.name} cannot manage agents: its spec.fleetAccess is ${from.spec.fleetAccess}, not Manage.`,
  );
}

const refuse = (): never => {
  throw new ApiError('MethodNotAllowed', 'an agent can send messages only in its own name');
};

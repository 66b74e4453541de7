import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { z } from 'zod';
import type { Message } from '../api/objects.ts';
import type { Fleet } from './fleet.ts';

/** In seconds. Many MCP clients limit a tool call to one minute, so a longer wait takes several calls. */
const patience = 50;

/** Returns a Model Context Protocol server over a Fleet. `manage` adds the tools that change it. */
export function createMcpServer(fleet: Fleet, options: { version: string; manage: boolean }): McpServer {
  const server = new McpServer({ name: 'agentctl', version: options.version });
  server.registerTool(
    'list_agents',
    {
      description: 'Lists the other agents: name, what each is for, its model, and whether it is ready.',
      inputSchema: {},
    },
    () =>
      answered(async () => {
        const structured = { agents: await fleet.list() };
        return { text: JSON.stringify(structured, undefined, 1), structured };
      }),
  );
  server.registerTool(
    'send_message',
    {
      description:
        'Sends a message to another agent and answers with its reply. Where the reply takes long, the answer is the id of the message: call again with message_id alone to go on waiting.',
      inputSchema: {
        agent: z.string().optional().describe('The name of the agent, as list_agents gives it.'),
        message: z.string().optional().describe('What to tell it.'),
        conversation: z
          .string()
          .optional()
          .describe('The id of an earlier conversation with it, to go on with that.'),
        message_id: z
          .string()
          .optional()
          .describe('In place of agent and message: of a message that was sent before.'),
        timeout_seconds: z
          .number()
          .min(1)
          .max(3600)
          .optional()
          .describe(`How long to wait for the reply; ${patience} where left out.`),
      },
    },
    ({ agent, message, conversation, message_id: id, timeout_seconds: seconds = patience }, { signal }) =>
      answered(async () => {
        const both = AbortSignal.any([signal, AbortSignal.timeout(seconds * 1_000)]);
        if (id !== undefined) return reply(await fleet.follow(id, both));
        if (agent === undefined || message === undefined)
          throw new Error('agent and message are needed, or message_id alone');
        return reply(await fleet.send({ to: agent, text: message, conversation }, both));
      }),
  );
  if (!options.manage) return server;
  const name = { name: z.string().describe('The name of the agent.') };
  server.registerTool(
    'apply_agent',
    {
      description: 'Creates or changes an agent from a manifest (YAML, kind Agent of agentctl.dev/v1).',
      inputSchema: { manifest: z.string().describe('The manifest of one Agent.') },
    },
    ({ manifest }) =>
      answered(async () => {
        const applied = await fleet.apply(manifest);
        return `agent ${applied.name} ${applied.done}`;
      }),
  );
  server.registerTool(
    'start_agent',
    { description: 'Starts an agent that was stopped.', inputSchema: name },
    ({ name }) => answered(() => fleet.start(name).then(() => `agent ${name} starts`)),
  );
  server.registerTool(
    'stop_agent',
    { description: 'Stops an agent; it keeps its name, its files and its messages.', inputSchema: name },
    ({ name }) => answered(() => fleet.stop(name).then(() => `agent ${name} stops`)),
  );
  server.registerTool(
    'remove_agent',
    { description: 'Removes an agent; its volumes are kept.', inputSchema: name },
    ({ name }) => answered(() => fleet.remove(name).then(() => `agent ${name} is removed`)),
  );
  return server;
}

type ToolAnswer = {
  content: { type: 'text'; text: string }[];
  structuredContent?: Record<string, unknown>;
  isError?: true;
};

/** With `structured`, the text is its JSON, for clients that only read text. MCP requires an object there. */
type Answer = string | { text: string; structured: Record<string, unknown> };

/** Returns a failure as the tool's result, so that the model reads it. */
async function answered(work: () => Promise<Answer>): Promise<ToolAnswer> {
  try {
    const answer = await work();
    if (typeof answer === 'string') return { content: [{ type: 'text', text: answer }] };
    const { text, structured } = answer;
    return { content: [{ type: 'text', text }], structuredContent: structured };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { content: [{ type: 'text', text }], isError: true };
  }
}

function reply({ metadata, spec, status }: Message): string {
  switch (status?.state) {
    case 'Completed':
      return status.answer ?? '';
    case 'Failed':
    case 'Expired':
      throw new Error(
        `${spec.agentRef.name} did not answer: ${status.reason ?? status.state}: ${status.message ?? ''}`,
      );
    default:
      return `${spec.agentRef.name} is still at it. Call send_message with message_id ${metadata.name} to wait for the reply (conversation ${spec.conversation}).`;
  }
}

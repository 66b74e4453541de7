import { type Fields, fields } from './acp-message.ts';

/**
 * The kind of the tools of agentctl's own MCP server. They need no further permission, because fleetAccess has decided.
 */
export const ownKind = 'agentctl';

/** The tools of client/fleet-tools.ts, with all their parameters. */
const tools: Readonly<Record<string, readonly string[]>> = {
  list_agents: [],
  send_message: ['agent', 'message', 'conversation', 'message_id', 'timeout_seconds'],
  apply_agent: ['manifest'],
  start_agent: ['name'],
  stop_agent: ['name'],
  remove_agent: ['name'],
};

/** Words that agents write around the names of a server and its tool. */
const filler = new Set([
  'mcp',
  'server',
  'tool',
  'call',
  'calling',
  'use',
  'using',
  'run',
  'running',
  'from',
]);

/** Kinds that agents report for tools that are not their own. */
const kinds = new Set([undefined, 'other', 'read', 'search', 'fetch', 'think']);

/**
 * Returns whether a call is one of agentctl's own tools, by its name and its input. A title may be a model's words. So
 * it must contain the names and nothing else, and a reported input must fit the tool.
 */
export function isOwnTool({
  title = '',
  kind,
  input,
}: {
  title?: string | undefined;
  kind?: string | undefined;
  input?: unknown;
}): boolean {
  const call = readCall(input);
  if (!kinds.has(kind) && call === undefined) return false;
  const given = call === undefined ? input : (call.arguments ?? {});
  const tool = toolNamed(call === undefined ? title : `${call.server} ${call.tool}`, given !== undefined);
  if (tool === undefined) return false;
  if (given === undefined || given === null) return true;
  const keys = Object.keys(fields(given) ?? { unfit: true });
  return keys.every((key) => tools[tool]?.includes(key) === true);
}

/** Codex reports the server and the tool that it calls. It reports every tool as `execute`. */
function readCall(input: unknown): Fields | undefined {
  const found = fields(input) ?? {};
  const isCall = Object.keys(found).every((key) => key === 'server' || key === 'tool' || key === 'arguments');
  return isCall && typeof found.server === 'string' && typeof found.tool === 'string' ? found : undefined;
}

/**
 * Returns the tool that a title names: `agentctl_list_agents`, `mcp__agentctl__list_agents`, `list_agents (agentctl MCP
 * Server)`. The bare name counts only if the input is reported.
 */
function toolNamed(title: string, hasInput: boolean): string | undefined {
  if (Object.hasOwn(tools, title)) return hasInput || title === 'list_agents' ? title : undefined;
  const words = title
    .replace(/[:(\s]*\{.*\}\s*\)?$/s, '')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '' && !filler.has(word));
  const at = words.indexOf('agentctl');
  if (at < 0) return undefined;
  const rest = words.filter((_, index) => index !== at).join('_');
  return Object.hasOwn(tools, rest) ? rest : undefined;
}

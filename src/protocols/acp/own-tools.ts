import { type Fields, fields } from './message.ts';

/** The kind under which the tools of agentctl's own MCP server are told: fleetAccess has decided on them. */
export const ownKind = 'agentctl';

/** Its tools, as client/mcp.ts serves them, with all that each may be given. */
const tools: Readonly<Record<string, readonly string[]>> = {
  list_agents: [],
  send_message: ['agent', 'message', 'conversation', 'message_id', 'timeout_seconds'],
  apply_agent: ['manifest'],
  start_agent: ['name'],
  stop_agent: ['name'],
  remove_agent: ['name'],
};

/** What agents write around the names of a server and its tool. */
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

/** What agents say of tools that are not their own. */
const kinds = new Set([undefined, 'other', 'read', 'search', 'fetch', 'think']);

/**
 * Whether a call is one of agentctl's own tools, by its name and by what it would be given. A title alone may be a model's
 * words: so it must be the names and nothing else, and an input that is told must fit the tool.
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

/** Codex tells which tool of which server it calls; it calls each kind of tool an execute. */
function readCall(input: unknown): Fields | undefined {
  const found = fields(input) ?? {};
  const isCall = Object.keys(found).every((key) => key === 'server' || key === 'tool' || key === 'arguments');
  return isCall && typeof found.server === 'string' && typeof found.tool === 'string' ? found : undefined;
}

/** `agentctl_list_agents`, `mcp__agentctl__list_agents`, `list_agents (agentctl MCP Server)`. The bare name only where its input is told. */
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

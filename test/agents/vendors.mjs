#!/usr/bin/env node
/**
 * Behaves at its first tool call as an agent that is published does, by Node alone: in which mode it begins, what makes
 * it ask, and how. `vendors.mjs NAME`; a message `touch FILE` makes that file, by a tool of the kind execute.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const name = process.argv[2];
const { env } = process;

/** The modes of each, the first of which it begins in; those in which it asks. As options, as most have them, or as modes. */
const vendors = {
  claude: { modes: ['auto', 'default', 'acceptEdits', 'plan'], asks: ['default', 'acceptEdits'] },
  codex: {
    modes: ['agent', 'read-only', 'workspace-write', 'agent-full-access'],
    asks: ['read-only', 'workspace-write'],
  },
  gemini: { modes: ['default', 'autoEdit', 'yolo'], asks: ['default', 'autoEdit'], old: true },
  qwen: { modes: ['auto', 'plan', 'default', 'auto-edit', 'yolo'], asks: ['default', 'auto-edit'] },
  opencode: { modes: ['build', 'plan'], asks: [] },
  pi: { modes: ['off'], asks: [] },
};
const { modes, asks, old = false } = vendors[name];
let mode = modes[0];

const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const waiting = new Map();
let next = 0;
const request = (method, params) => {
  next += 1;
  send({ id: next, method, params });
  return new Promise((resolve) => waiting.set(next, resolve));
};

const offer = () =>
  old
    ? { modes: { currentModeId: mode, availableModes: modes.map((id) => ({ id, name: id })) } }
    : {
        configOptions: [
          {
            ...{ id: 'mode', name: 'Mode', category: 'mode', type: 'select', currentValue: mode },
            options: modes.map((value) => ({ value, name: value })),
          },
        ],
      };

async function ask(sessionId, toolCall) {
  const options = [
    { optionId: 'yes', name: 'Yes', kind: 'allow_once' },
    { optionId: 'no', name: 'No', kind: 'reject_once' },
  ];
  const { outcome } = await request('session/request_permission', { sessionId, toolCall, options });
  return outcome?.optionId === 'yes';
}

/** Pi's extensions, which alone make it ask; by another id and of another kind than its tool. */
async function piAsks(sessionId, command) {
  const folder = join(env.PI_CODING_AGENT_DIR ?? '.', 'extensions');
  for (const file of readdirSync(folder)) {
    const { default: extension } = await import(pathToFileURL(join(process.cwd(), folder, file)));
    const handlers = [];
    extension({ on: (_, handler) => handlers.push(handler) });
    const confirm = (title, message) =>
      ask(sessionId, {
        ...{ toolCallId: `pi-ui-${next}`, title, kind: 'other', status: 'pending' },
        rawInput: { method: 'confirm', title, message },
      });
    for (const handler of handlers)
      if ((await handler({ toolName: 'bash', input: { command } }, { ui: { confirm } }))?.block === true)
        return false;
  }
  return true;
}

const openCodeAsks = () => JSON.parse(env.OPENCODE_CONFIG_CONTENT ?? '{}').permission?.bash === 'ask';

async function prompt({ sessionId, prompt: blocks }) {
  const command = blocks.at(-1).text;
  const [, file = ''] = command.split(' ');
  const call = { toolCallId: `call-${file}`, title: command, kind: 'execute' };
  if (name !== 'pi') call.rawInput = { command };
  const update = (body) => send({ method: 'session/update', params: { sessionId, update: body } });
  if (name === 'qwen') {
    // Never asks for this one, whatever its settings.
    const search = { toolCallId: 'search-1', _meta: { toolName: 'tool_search' } };
    const told = { ...search, title: 'ToolSearch: "touch"', kind: 'other', rawInput: { query: 'touch' } };
    update({ sessionUpdate: 'tool_call', ...told, status: 'in_progress' });
    update({ sessionUpdate: 'tool_call_update', ...search, status: 'completed' });
  }
  update({ sessionUpdate: 'tool_call', ...call, status: 'pending' });
  const allowed =
    name === 'pi'
      ? await piAsks(sessionId, command)
      : asks.includes(mode) || (name === 'opencode' && openCodeAsks())
        ? await ask(sessionId, call)
        : true;
  if (allowed) writeFileSync(file, '');
  const status = allowed ? 'completed' : 'failed';
  update({ sessionUpdate: 'tool_call_update', toolCallId: call.toolCallId, status });
  return { stopReason: 'end_turn' };
}

const json = (file) => JSON.parse(readFileSync(file, 'utf8'));

/** What it must find in its environment and in its folder to ask for each command, and to show the tools of MCP servers. */
const settings = {
  claude: () =>
    json('.claude/settings.json').permissions.ask.includes('Bash') && env.ENABLE_TOOL_SEARCH === 'false',
  gemini: () => env.GEMINI_CLI_TRUST_WORKSPACE === 'true',
  qwen: () => {
    const { permissions, tools } = json(env.QWEN_CODE_SYSTEM_SETTINGS_PATH);
    const isWhole = tools?.toolSearch?.enabled === false && env.QWEN_CODE_LEGACY_MCP_BLOCKING === '1';
    return permissions.ask.includes('run_shell_command') && isWhole;
  },
};
if (settings[name]?.() === false) throw new Error('its settings are not those it needs');

const methods = {
  initialize: () => ({ protocolVersion: 1, agentCapabilities: {}, agentInfo: { name, version: '1' } }),
  'session/new': () => ({ sessionId: 's', ...offer() }),
  'session/set_mode': ({ modeId }) => {
    if (!old) throw new Error('it has options for that');
    mode = modeId;
    return {};
  },
  'session/set_config_option': ({ value }) => {
    mode = value;
    return offer();
  },
  'session/prompt': prompt,
};

createInterface({ input: process.stdin }).on('line', async (line) => {
  const { id, method, params, result } = JSON.parse(line);
  if (method === undefined) return waiting.get(id)?.(result ?? {});
  if (id === undefined) return;
  try {
    send({ id, result: await methods[method](params) });
  } catch (error) {
    send({ id, error: { code: -32603, message: String(error) } });
  }
});

import { expect, test } from 'vitest';
import { Calls } from '../../../src/protocols/acp/acp-tool-calls.ts';
import { isOwnTool } from '../../../src/protocols/acp/own-tools.ts';

const send = { agent: 'b', message: 'hi' };

test.each([
  { title: 'agentctl_list_agents', kind: 'other', input: {} },
  { title: 'agentctl_list_agents' },
  { title: 'mcp__agentctl__send_message', kind: 'other', input: send },
  { title: 'agentctl/list_agents' },
  { title: 'agentctl: list agents', kind: 'read' },
  { title: 'list_agents (agentctl MCP Server)', kind: 'other' },
  { title: 'list_agents (agentctl MCP Server): {}', kind: 'other' },
  { title: 'Tool: agentctl/list_agents', kind: 'fetch', input: {} },
  { title: 'list_agents', kind: 'other' },
  { title: 'send_message', input: send },
  {
    title: 'mcp.agentctl.list_agents',
    kind: 'execute',
    input: { server: 'agentctl', tool: 'list_agents', arguments: {} },
  },
  { title: 'anything', input: { server: 'agentctl', tool: 'send_message', arguments: send } },
])('%j is a tool of agentctl', (call) => {
  expect(isOwnTool(call)).toBe(true);
});

test.each([
  { title: 'agentctl_list_agents', kind: 'execute', input: {} },
  { title: 'agentctl_list_agents', kind: 'other', input: { command: 'rm -rf /' } },
  { title: 'agentctl_list_agents; rm -rf /', kind: 'other' },
  { title: 'agentctl_drop_tables', kind: 'other' },
  { title: 'send_message', kind: 'other' },
  { title: 'send_message', input: { channel: 'all', text: 'hi' } },
  { title: 'agentctl_send_message', input: 'rm -rf /' },
  { title: 'agentctl_list_agents', input: { server: 'shell', tool: 'run', arguments: {} } },
  {
    title: 'agentctl_list_agents',
    kind: 'execute',
    input: { command: 'rm -rf /', server: 'agentctl', tool: 'list_agents' },
  },
  { title: 'constructor' },
  {},
])('%j is none', (call) => {
  expect(isOwnTool(call)).toBe(false);
});

test('it is one only where agentctl’s tools were given to the agent', () => {
  const call = { sessionUpdate: 'tool_call', title: 'agentctl_list_agents', kind: 'other' };
  expect(new Calls({ fresh: true, offersTools: true }).note('t', call)).toBe('agentctl');
  expect(new Calls({ fresh: true, offersTools: false }).note('t', call)).toBe('other');
});

test('it is one no more once it says that it would do something else', () => {
  const calls = new Calls({ fresh: true, offersTools: true });
  calls.note('t', { sessionUpdate: 'tool_call', title: 'agentctl_list_agents' });
  expect(calls.ask('t', { rawInput: { command: 'rm -rf /' } })).toMatchObject({ kind: 'execute' });
});

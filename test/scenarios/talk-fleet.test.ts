import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Agent, Message } from '../../src/api/objects.ts';
import type { Session } from './support.ts';
import { asked, begun, messagesTo, type Talker, talker, talkStages } from './talking.ts';

const many = '  conversations: { perInstance: 20 }';
for (const stage of await talkStages()) {
  describe(`agents that use each other, on ${stage.name}`, () => {
    let session: Session;
    const helper = parse(talker(stage, { name: 'helper' }).replace('---', '')) as Agent; // as it is written there
    const answerOf = async (name: string, text: string): Promise<string> =>
      (await asked(session, name, text)).status?.answer ?? '';
    const tool = (name: string, title: string, input: object = {}): Promise<string> =>
      answerOf(name, `mcp ${title} ${JSON.stringify(input)}`);
    beforeAll(async () => {
      session = await stage.open();
      const all: Talker[] = [
        { name: 'alice', spec: many },
        { name: 'bob', spec: `${many}\n  capabilities: [bells]` },
        { name: 'hermit', spec: '  fleetAccess: None' },
        { name: 'peer', protocol: 'acp' },
        { name: 'piped', protocol: 'acp', env: { NO_HTTP_MCP: '1' } },
        { name: 'boss', protocol: 'acp', spec: '  fleetAccess: Manage' },
        { name: 'walled', protocol: 'acp', spec: '  fleetAccess: None' },
      ];
      await begun(session, stage, ...all);
    });
    afterAll(() => session.end());

    test('a worker asks another by its line, and has the answer in its turn', async () => {
      expect(await answerOf('alice', 'say he says: \nask bob say ding')).toBe('he says: ding');
      const [route] = await messagesTo(session, 'bob');
      expect(route).toMatchObject({
        spec: { kind: 'Route', from: 'agent:default/alice', hops: 1 },
        status: { state: 'Completed', answer: 'ding' },
      } satisfies { spec: Partial<Message['spec']>; status: Message['status'] });
      expect(await answerOf('alice', 'ask nobody say hello')).toContain('There is no agent nobody');
      expect(await answerOf('alice', 'ask bob error I am ill')).toContain('I am ill');
    });

    test('workers know their peers', async () => {
      const peers = JSON.parse(await answerOf('alice', 'peers')) as {
        id?: string;
        capabilities?: string[];
      }[];
      expect(peers).toContainEqual(expect.objectContaining({ id: 'bob', capabilities: ['bells'] }));
    });

    test('a circle of questions ends', async () => {
      const circle = Array.from({ length: 30 }, (_, n) => (n % 2 === 0 ? 'ask bob' : 'ask alice')).join(' ');
      expect(await answerOf('alice', `${circle} say never`)).toContain('circle');
    });

    test.each([
      ['HTTP', 'peer'],
      ['stdio', 'piped'],
    ])('an ACP agent asks another over MCP, by %s', async (_, name) => {
      expect(await tool(name, 'send_message', { agent: 'bob', message: 'say dong' })).toBe('dong');
      expect(await tool(name, 'list_agents')).toContain('"name": "boss"');
      const { status } = await session.json<Agent>(`get agent ${name}`);
      expect(status?.conditions).toContainEqual(
        expect.objectContaining({ type: 'FleetAccessible', status: 'True' }),
      );
    });

    test('what an agent may do to others is what fleetAccess says', async () => {
      expect(await answerOf('hermit', 'ask bob say hello')).toContain('fleetAccess is None');
      expect(await tool('walled', 'list_agents')).toBe('there is no MCP server');
      const manifest = JSON.stringify(helper);
      expect(await tool('peer', 'apply_agent', { manifest })).toMatch(/not found|unknown/i);
      expect(await answerOf('alice', `manage spawn ${JSON.stringify({ content: manifest })}`)).toContain(
        'fleetAccess is Peers',
      );
      expect(await tool('boss', 'apply_agent', { manifest })).toBe('agent helper created');
      expect(await tool('boss', 'stop_agent', { name: 'helper' })).toBe('agent helper stops');
      expect((await session.json<Agent>('get agent helper')).spec.suspend).toBe(true);
      expect(await tool('boss', 'start_agent', { name: 'helper' })).toBe('agent helper starts');
      expect(await tool('boss', 'remove_agent', { name: 'helper' })).toBe('agent helper is removed');
      const elsewhere = JSON.stringify({
        ...helper,
        spec: { ...helper.spec, runtimeRef: { name: 'elsewhere' } },
      });
      expect(await tool('boss', 'apply_agent', { manifest: elsewhere })).toContain('own Runtime');
      expect(await tool('boss', 'apply_agent', { manifest: 'kind: Nonsense' })).toContain(
        'apiVersion: is missing',
      );
    });

    test.skipIf(stage.engine !== undefined)('an editor uses the fleet by agentctl mcp', async () => {
      const client = new Client({ name: 'editor', version: '1' });
      await client.connect(new StdioClientTransport(session.command(['mcp'])));
      const { tools } = await client.listTools();
      expect(tools.map(({ name }) => name).sort()).toEqual(['list_agents', 'send_message']);
      const call = { name: 'send_message', arguments: { agent: 'bob', message: 'say ding' } };
      expect(await client.callTool(call)).toMatchObject({ content: [{ type: 'text', text: 'ding' }] });
      const wrong = { name: 'send_message', arguments: { agent: 'nobody', message: 'say ding' } };
      expect(await client.callTool(wrong)).toMatchObject({ isError: true });
      await client.close();
      const manager = new Client({ name: 'editor', version: '1' });
      await manager.connect(new StdioClientTransport(session.command(['mcp', '--manage'])));
      const apply = { name: 'apply_agent', arguments: { manifest: JSON.stringify(helper) } };
      expect(await manager.callTool(apply)).toMatchObject({ content: [{ text: 'agent helper created' }] });
      await manager.close();
    });
  });
}

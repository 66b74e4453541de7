import type { Turn } from '../../src/protocols/protocol.ts';
import { type FakeAgent, protocolContract } from '../contracts/protocol.ts';
import { toy } from './toy-protocol.ts';

function fakeToyAgent(): FakeAgent {
  const asked: string[] = [];
  const cancelled: string[] = [];
  const line = ({ message }: Turn, is: string, fields: object = {}): string =>
    JSON.stringify({ turn: message, is, ...fields });
  return {
    asked,
    cancelled,
    greeting: () => [],
    takes: (text) => {
      const said = JSON.parse(text);
      if (said.text !== undefined) asked.push(said.text);
      if (said.cancel !== undefined) cancelled.push(said.cancel);
      return [];
    },
    text: (turn, text) => line(turn, 'text', { text }),
    thought: (turn, text) => line(turn, 'thought', { text }),
    tool: (turn, { title, ...tool }) => line(turn, 'tool', { text: title, ...tool }),
    usage: (turn, tokens) => line(turn, 'usage', { text: `${tokens}` }),
    ends: (turn) => line(turn, 'done'),
    fails: (turn, text) => line(turn, 'failed', { text }),
  };
}

protocolContract({ protocol: toy, agent: fakeToyAgent, garbage: ['{}', '{"turn":1,"is":"done"}'] });

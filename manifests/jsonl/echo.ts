/** Says back what it is told, word by word. */
import { Agent } from './agentctl-jsonl.ts';

const agent = new Agent({ name: 'echo', remember: 'done.jsonl' });

agent.onChat((turn) => {
  for (const word of turn.message.split(/\s+/)) turn.text(`${word} `);
});
agent.onQuery('status', () => ({ peers: agent.peers.length }));

agent.run();

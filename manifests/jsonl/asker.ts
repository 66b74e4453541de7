/** Has every message answered by the other agent that ASK names, and says who it was. */
import { Agent } from './agentctl-jsonl.ts';

const agent = new Agent({ name: 'asker', remember: 'done.jsonl' });

agent.onChat(async (turn) => {
  const other = process.env.ASK ?? '';
  turn.tool({ id: 'ask', title: `ask ${other}`, kind: 'other', status: 'in_progress' });
  const answer = await turn.ask(other, turn.message);
  turn.tool({ id: 'ask', status: 'completed' });
  return `${other} says: ${answer}`;
});

agent.run();

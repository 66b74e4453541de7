import { describe } from 'vitest';
import { talkContract } from '../contracts/talk.ts';
import { ScriptedTalk } from '../fakes/talk.ts';
import { run } from '../server/support.ts';

describe('in process', () => {
  talkContract(async () => {
    const script = new ScriptedTalk();
    return { talk: script, script, close: async () => {} };
  });
});

describe('over HTTP', () => {
  talkContract(async () => {
    const script = new ScriptedTalk();
    const { client, end } = await run({ talk: script });
    return { talk: client, script, close: end };
  });
});

import type { ConnectOptions, Facts } from '../../../src/protocols/protocol.ts';
import { acp } from '../../../src/protocols/protocol-index.ts';
import { type Harness, open, openReady, type World } from '../../contracts/protocol/world.ts';
import { type Answers, FakeAcpAgent } from '../../fakes/acp-agent.ts';

export type Talk = World & { agent: FakeAcpAgent };

const harness = (agent: FakeAcpAgent): Harness => ({
  protocol: acp,
  agent: () => agent,
  garbage: [],
});

/** A connection that has begun its handshake. */
export function begin(answers: Answers = {}, options: Partial<ConnectOptions> = {}): Talk {
  const agent = new FakeAcpAgent(answers);
  return { ...open(harness(agent), options), agent };
}

/** A connection that is ready. */
export async function talk(answers: Answers = {}, options: Partial<ConnectOptions> = {}): Promise<Talk> {
  const agent = new FakeAcpAgent(answers);
  return { ...(await openReady(harness(agent), options)), agent };
}

/** A further connection to the same run. */
export async function talkAgain(before: Talk, options: Partial<ConnectOptions> = {}): Promise<Talk> {
  const { agent } = before;
  before.connection.close('the controller ends');
  const facts = before.host.of('ready')[0] as Facts; // only `ready` adds them
  return { ...(await openReady(harness(agent), { facts, epoch: '2', ...options })), agent };
}

/** An answer to initialize. */
export const able = (agentCapabilities: object, more: object = {}): Answers => ({
  initialize: () => ({ result: { protocolVersion: 1, agentCapabilities, ...more } }),
});

/** Lets what is under way go on. */
export const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

import { jsonl } from '../../src/protocols/protocol-index.ts';
import { type Harness, openReady, type World } from '../contracts/protocol/world.ts';
import { fakeJsonlAgent } from '../fakes/jsonl-agent.ts';
import { checkLine } from './jsonl-schema.ts';

export const harness = (ready: object = {}): Harness => ({
  protocol: jsonl,
  agent: () => fakeJsonlAgent(ready),
  garbage: [],
});
export const readyWorld = (ready: object = {}): Promise<World> => openReady(harness(ready));

/** The agent writes a line that the schema knows. */
export function says({ connection }: World, type: string, fields: object = {}): void {
  const line = JSON.stringify({ type, ...fields });
  checkLine('fromAgent', line);
  connection.receive(line);
}
export const lastWritten = ({ written }: World): unknown => JSON.parse(written.at(-1) ?? 'null');
export const text = (words: string): object => ({ type: 'text', text: words });

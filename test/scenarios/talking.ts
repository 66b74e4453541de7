import { existsSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Instance, Message } from '../../src/api/objects.ts';
import type { List } from '../../src/client/resources.ts';
import type { StreamEntry } from '../../src/client/streams.ts';
import { agentsImage, buildAgentsImage } from '../engines/image.ts';
import { inspect } from './questions.ts';
import { type Stage, stages } from './runtimes.ts';
import { eventually, type Result, type Session } from './support.ts';

/** What stories of agents that talk are made of: the scripted agents of test/agents, and questions about messages. */

const scripts = join(import.meta.dirname, '../agents');

/** As `stages`, with the image of the scripted agents where the engine is. */
export const talkStages = async (): Promise<Stage[]> =>
  (await stages()).map((stage) => ({
    ...stage,
    template: stage.engine === undefined ? '' : `image: ${agentsImage}\n    imagePullPolicy: Never`,
    open: async (environment) => {
      if (stage.engine !== undefined) await buildAgentsImage(stage.engine);
      return stage.open(environment);
    },
  }));

export interface Talker {
  name: string;
  protocol?: 'jsonl' | 'acp';
  /** The script of test/agents; the default is that of the protocol. */
  script?: string;
  replicas?: number;
  env?: Record<string, string>;
  /** Fields of the policy, as flow YAML without its braces. */
  policy?: string;
  /** Lines under spec, two spaces deep. */
  spec?: string;
}

/** The manifest of a scripted agent. */
export function talker(stage: Stage, agent: Talker): string {
  const { name, protocol = 'jsonl', script = protocol, replicas = 1, env = {}, policy, spec = '' } = agent;
  const rules = ['backoff: { schedule: [100ms], jitter: 0 }', 'stop: { gracePeriod: 300ms }', policy];
  const program =
    stage.engine === undefined
      ? [process.execPath, join(scripts, `${script}.mjs`)]
      : ['node', `/agents/${script}.mjs`];
  const variables = Object.entries(env).map(([variable, value]) => ({ name: variable, value }));
  return `
apiVersion: agentctl.dev/v1
kind: Agent
metadata: { name: ${name} }
spec:
  minReady: 0s
  protocol: ${protocol}
  replicas: ${replicas}
  policy: { ${rules.filter((rule) => rule !== undefined).join(', ')} }
${spec}
  template:
    command: ${JSON.stringify(program)}
    env: ${JSON.stringify(variables)}
    ${stage.template}
---
`;
}

/** Says something, waits for the end, and answers what was printed. */
export const ask = (session: Session, agent: string, text: string, ...flags: string[]): Promise<Result> =>
  session.run(['send', agent, text, '--wait', ...flags]);

/** The same, as the message then stands. */
export async function asked(
  session: Session,
  agent: string,
  text: string,
  ...flags: string[]
): Promise<Message> {
  const { stdout, stderr } = await ask(session, agent, text, '-o', 'json', ...flags);
  if (stdout === '') throw new Error(`nothing was sent: ${stderr}`);
  return JSON.parse(stdout) as Message; // the command line says so
}

/** Answers the message's name at once. */
export const sent = async (
  session: Session,
  agent: string,
  text: string,
  ...flags: string[]
): Promise<string> => {
  const { stdout, stderr } = await session.run(['send', agent, text, '-o', 'name', ...flags]);
  if (stdout === '') throw new Error(`nothing was sent: ${stderr}`);
  return stdout.trim().split('/')[1] ?? '';
};

export const messageOf = (session: Session, name: string): Promise<Message> =>
  session.json<Message>(`messages get ${name}`);

export const messagesTo = async (session: Session, agent: string): Promise<Message[]> =>
  (await session.json<List<Message>>(`messages get --agent=${agent}`)).items;

/** What `--stream -o json` has printed so far; the last line may still be on its way. */
export const entriesIn = (output: string): StreamEntry[] =>
  output
    .split('\n')
    .slice(0, -1)
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as StreamEntry); // the command line says so

/** Applies them and waits until the first instance of each takes messages. */
export async function begun(session: Session, stage: Stage, ...agents: Talker[]): Promise<void> {
  await session.apply(agents.map((agent) => talker(stage, agent)).join(''));
  const names = agents.map(({ name }) => `${name}-0`);
  await eventually(
    () => session.json<List<Instance>>('get instances'),
    ({ items }) =>
      names.every((name) =>
        items.some(({ metadata, status }) => metadata.name === name && status?.phase === 'Ready'),
      ),
  );
}

export const instance = (session: Session, name: string): Promise<Instance> =>
  session.json<Instance>(`get instance ${name}`);

/** The working folder of a run that is up. */
export async function folderOf(
  session: Session,
  stage: Pick<Stage, 'engine'>,
  name: string,
): Promise<string> {
  const { status } = await eventually(
    () => instance(session, name),
    (found) => found.status?.run?.startedAt !== undefined,
  );
  const { ref = '', startedAt = '' } = status?.run ?? {};
  const pid =
    stage.engine === undefined
      ? Number(startedAt.split(':')[1])
      : ((await inspect(stage.engine, ref))?.State.Pid ?? 0);
  return stage.engine === undefined ? readlinkSync(`/proc/${pid}/cwd`) : `/proc/${pid}/root/work`;
}

/** A file that a scripted agent keeps in its working folder; empty where there is none. */
export async function fileOf(session: Session, stage: Stage, name: string, file: string): Promise<string> {
  const path = join(await folderOf(session, stage, name), file);
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

export async function giveFile(session: Session, stage: Stage, name: string, file: string): Promise<void> {
  writeFileSync(join(await folderOf(session, stage, name), file), '');
}

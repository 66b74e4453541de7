import type { Event, Instance, InstanceStatus } from '../../src/api/objects.ts';
import type { List } from '../../src/client/resources.ts';
import type { TestEngine } from '../engines/engine.ts';
import { eventually, type Session } from './support.ts';

/** What stories ask of the first Instance of an Agent. */

/** Undefined until the controller has made the Instance. */
export const statusOf = async (session: Session, agent: string): Promise<InstanceStatus | undefined> =>
  (await session.json<List<Instance>>('get instances')).items.find(
    ({ metadata }) => metadata.name === `${agent}-0`,
  )?.status;

/** Waits until the status is so. */
export async function becomes(
  session: Session,
  agent: string,
  wanted: { phase?: string; reason?: string; run?: number },
  within?: number,
): Promise<InstanceStatus> {
  const isSo = (status: InstanceStatus | undefined): boolean =>
    (wanted.phase ?? status?.phase) === status?.phase &&
    (wanted.reason ?? status?.reason) === status?.reason &&
    (wanted.run ?? status?.run?.number) === status?.run?.number;
  return (
    (await eventually(
      () => statusOf(session, agent),
      (status) => status !== undefined && isSo(status),
      within,
    )) ?? {}
  );
}

export const ready = (session: Session, agent: string, run = 1, within?: number): Promise<InstanceStatus> =>
  becomes(session, agent, { phase: 'Ready', run }, within);

/** Reasons of the Events of an Instance. */
export async function reasonsOf(session: Session, agent: string): Promise<string[]> {
  const { items } = await session.json<List<Event>>('get events');
  return items
    .filter(({ involvedObject }) => involvedObject.name === `${agent}-0`)
    .map(({ reason = '' }) => reason);
}

/** What `docker inspect` tells. */
export interface Inspect {
  Id: string;
  State: { Status: string; Running: boolean; StartedAt: string; Pid: number };
  Config: { Env: string[]; User: string; Labels: Record<string, string> };
  // Named as the engine's API names them.
  HostConfig: Record<string, unknown>;
  NetworkSettings: { IPAddress: string };
}

export async function inspect(engine: TestEngine, container: string): Promise<Inspect | undefined> {
  const { status, text } = await engine.call('GET', `/containers/${container}/json`);
  return status === 200 ? (JSON.parse(text) as Inspect) : undefined; // the engine's API says so
}

export const containerOf = (agent: string): string => `agentctl-default-${agent}-0`;

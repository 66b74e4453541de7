import type { AgentSpec } from './objects.ts';

export type ProtocolName = Exclude<AgentSpec['protocol'], 'none'>;

/** What the agents of a protocol can do. The code asks this, never for the name of a protocol. */
export interface ProtocolCapabilities {
  /** The agent asks before it uses a tool. */
  asksPermission: boolean;
  /** The agent is offered the controller's MCP server. */
  offersTools: boolean;
  /** Its output is shown as a transcript. */
  transcript: boolean;
  /** A line asks the agent to end. */
  shutdownLine: boolean;
  /** What was said is in the session, so it is lost with a session that the agent cannot load. */
  resumes: boolean;
  /** The agent answers queries. */
  queries: boolean;
  /** What happens to an interrupted turn, if the policy does not say. */
  onInterrupted: 'Resume' | 'Retry';
  /**
   * Milliseconds after the end of a turn in which its events may still arrive. 0 if each line names its message. The
   * end waits as long as events arrive.
   */
  trailing: number;
}

type Ability = 'asksPermission' | 'offersTools' | 'transcript' | 'shutdownLine' | 'resumes' | 'queries';

/** `protocols/protocol-index.ts` has the code of each. */
export const protocolCapabilities: Readonly<Record<ProtocolName, ProtocolCapabilities>> = {
  acp: {
    asksPermission: true,
    offersTools: true,
    transcript: true,
    shutdownLine: false,
    resumes: true,
    queries: false,
    onInterrupted: 'Resume',
    trailing: 150,
  },
  jsonl: {
    asksPermission: false,
    offersTools: false,
    transcript: false,
    shutdownLine: true,
    resumes: false,
    queries: true,
    onInterrupted: 'Retry',
    trailing: 0,
  },
};

/** Returns undefined for `none`. */
export const protocolCapabilitiesOf = ({
  protocol,
}: Pick<AgentSpec, 'protocol'>): ProtocolCapabilities | undefined =>
  protocol === 'none' ? undefined : protocolCapabilities[protocol];

export const protocolNames = Object.keys(protocolCapabilities);

/** Returns the names of the protocols with an ability, as in `acp or jsonl`. */
export const protocolsThat = (ability: Ability): string =>
  Object.entries(protocolCapabilities)
    .flatMap(([name, one]) => (one[ability] ? [name] : []))
    .join(' or ');

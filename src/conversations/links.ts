import type { Agent, AgentSpec, Instance } from '../api/objects.ts';
import { keyText } from '../api/objects.ts';
import type { Driver } from '../drivers/driver.ts';
import type { Conversation, Link as LinkRecord } from '../messages/message.ts';
import type { Plan } from '../plan/action.ts';
import type { Gate, Instant, Observed, TalkView, World } from '../plan/world.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Turn } from '../protocols/protocol.ts';
import { accountOf, quotaGate } from './agent-account.ts';
import type { AgentReports } from './agent-reports.ts';
import { type Deliveries, turnOf } from './deliveries.ts';
import type { Enforcement } from './enforcement.ts';
import { Link } from './link.ts';
import { controlsOf } from './link-controls.ts';
import type { Turns } from './message-turns.ts';
import { keyOf } from './open-message.ts';
import type { Approvals } from './pending-approvals.ts';
import type { Caches, LinkTarget, Tools } from './ports.ts';
import type { Routes } from './routes.ts';
import { protocolOf } from './rules.ts';
import type { TalkState } from './talk-state.ts';

export interface LinksDeps {
  talkState: TalkState;
  turns: Turns;
  deliveries: Deliveries;
  routes: Routes;
  approvals: Approvals;
  enforcement: Enforcement;
  reports: AgentReports;
  cache: Caches;
  clock: Clock;
  log: Log;
  version: string;
  driver(runtime: string): Driver | undefined;
  tools: Tools;
  enqueue(key: string, at?: Instant): void;
  /** A run of the Agent has ended and its output was read to the end. */
  drained(key: string): void;
}

/** Holds a link to each running run, and to each ended run whose output was not read to the end. */
export class Links {
  readonly #deps: LinksDeps;
  readonly #talkState: TalkState;
  /** How far an earlier controller has read runs, by the Instance's uid. */
  readonly #records: Map<string, LinkRecord>;

  constructor(deps: LinksDeps, loaded: readonly LinkRecord[]) {
    this.#deps = deps;
    this.#talkState = deps.talkState;
    this.#records = new Map();
    for (const link of loaded)
      if ((this.#records.get(link.uid)?.run ?? 0) < link.run) this.#records.set(link.uid, link);
  }

  /** Opens and closes links to match the World. */
  attend(world: World, plan: Plan): void {
    const { agent } = world;
    const key = keyText(agent.metadata);
    for (const { object, observed } of world.instances) {
      const { uid, name } = object.metadata;
      const status = plan.instances.get(name) ?? object.status;
      const known = this.#talkState.links.get(uid);
      if (known !== undefined)
        known.stopping = status?.stop !== undefined || object.metadata.deletionTimestamp !== undefined;
      const run = status?.run;
      if (run?.startedAt === undefined || observed === 'Unknown') continue;
      const { ref, startedAt: startId } = run;
      const container = observed.find((one) => one.ref === ref && one.startId === startId);
      const read = known?.target.startId === startId || this.#talkState.drained.get(uid) === startId;
      if (container?.state === 'Exited' && known?.target.startId === startId) known.runEnded();
      if (container === undefined || read) continue;
      const spec = specOf(world, run.revision);
      if (protocolOf(spec) === undefined) {
        this.#talkState.drained.set(uid, startId); // nothing to read
        this.#deps.enqueue(key);
        continue;
      }
      const { agentName, ordinal } = object.spec;
      const namespace = object.metadata.namespace ?? 'default';
      const target: LinkTarget = {
        namespace,
        agent: agentName,
        instance: name,
        uid,
        ordinal,
        run: run.number,
        startId,
        ref: container.ref,
        runtime: object.spec.runtimeRef.name,
      };
      this.#link(target, object, agent, spec);
    }
    this.#deps.deliveries.soon(key);
  }

  /**
   * Returns the planner's view of the link to the newest run. Undefined if nothing is known or the run has no protocol.
   */
  view(agent: Agent, object: Instance, observed: readonly Observed[] | 'Unknown'): TalkView | undefined {
    const { uid } = object.metadata;
    const { number: run = 0, startedAt, previous } = object.status?.run ?? {};
    const link = this.#talkState.links.get(uid);
    // A claimed run may have started and ended before anybody saw it.
    const isRun = ({ startId }: Observed): boolean =>
      startedAt === undefined ? startId !== previous?.startedAt : startId === startedAt;
    const ended =
      observed === 'Unknown' ? undefined : observed.find((one) => one.state === 'Exited' && isRun(one));
    if (link !== undefined && link.target.run === run) {
      const draining = link.state !== 'Drained' && ended?.startId === link.target.startId;
      return {
        run,
        state: draining ? 'Draining' : link.state,
        since: link.since,
        message: link.message,
        controls: controlsOf(knownOf(link), agent.spec, this.#deps.enforcement.control(uid)),
        ...(link.failure === undefined ? {} : { failure: link.failure }),
      };
    }
    if (ended?.startId === undefined || protocolOf(agent.spec) === undefined) return undefined;
    const read = this.#talkState.drained.get(uid) === ended.startId;
    return read
      ? undefined
      : {
          run,
          state: 'Draining',
          since: ended.exit?.finishedAt ?? 0,
          message: 'Its output is read.',
          controls: {},
        };
  }

  #link(target: LinkTarget, object: Instance, agent: Agent, spec: AgentSpec): void {
    const { uid, run } = target;
    const protocol = protocolOf(spec);
    const driver = (): Driver | undefined => this.#deps.driver(object.spec.runtimeRef.name);
    if (protocol === undefined || driver() === undefined) return;
    const before = this.#talkState.links.get(uid);
    if (before !== undefined && before.state !== 'Drained') return; // its output is read first
    const record = this.#records.get(uid);
    if (record !== undefined && record.run !== run)
      this.#talkState.writer.note([{ type: 'DropLink', uid, run: record.run }]);
    const box = this.#talkState.box(keyOf(target));
    for (const open of [...box.current(uid)])
      if (open.message.state !== 'Pending' && open.message.run !== run)
        this.#deps.turns.interrupt(open, `run ${open.message.run} of ${target.instance} is gone`, undefined, {
          unread: true,
        });
    const turns = [...box.current(uid)]
      .filter(({ message }) => message.run === run && message.state !== 'Pending')
      .map((open) => ({ ...turnOf(open, open.thread.record.session ?? ''), text: '' }));
    this.#deps.turns.over(uid, keyOf(target), (of) => of !== run);
    const givenUp = box.working(uid).map(({ record }) => givenUpOf(record));
    const { model, systemPrompt, session } = spec;
    const { fleetAccess } = agent.spec; // fleetAccess may change during the run
    const offers = fleetAccess !== 'None' && protocol.capabilities.offersTools;
    const link: Link = new Link({
      target,
      driver,
      protocol,
      record: record?.run === run ? record : undefined,
      writer: this.#talkState.writer,
      clock: this.#deps.clock,
      log: this.#deps.log,
      version: this.#deps.version,
      settings: { model, systemPrompt, session },
      tools: async () => {
        const offering = driver();
        return offers && offering !== undefined ? this.#deps.tools.offer(target, agent, offering) : undefined;
      },
      turns,
      givenUp,
      host: this.#deps.reports.hostOf(() => link),
      changed: () => this.#linkChanged(link),
      drained: () => this.#drained(link),
    });
    this.#deps.approvals.withdraw((approval) => approval.uid === uid && approval.run !== run);
    // The controls of an earlier run say nothing about this one.
    if (record?.run !== run) this.#deps.enforcement.forget(uid);
    this.#records.delete(uid);
    this.#talkState.links.set(uid, link);
  }

  /** Returns the gate that holds an Agent whose instances have reported until when their quota is used up. */
  quotaGate(agent: Agent): Gate | undefined {
    const instances = this.#deps.cache.instances.byIndex('agent', agent.metadata.uid);
    const accounts = instances.map(
      ({ metadata: { uid } }) =>
        this.#talkState.links.get(uid)?.facts.account ?? accountOf(this.#records.get(uid)?.facts),
    );
    return quotaGate(agent, accounts, this.#deps.clock.now());
  }

  #linkChanged(link: Link): void {
    const key = keyOf(link.target);
    if (link.state === 'Ready') {
      this.#deps.deliveries.confirmDelivery(link);
      this.#deps.approvals.reconnected(link); // after `confirmDelivery`, which cancels turns
      this.#deps.routes.ready(link);
      this.#deps.deliveries.soon(key);
    }
    this.#deps.enqueue(key);
  }

  #drained(link: Link): void {
    const { uid, run, startId } = link.target;
    this.#talkState.drained.set(uid, startId);
    this.#deps.approvals.withdraw((approval) => approval.uid === uid && approval.run === run);
    this.#deps.turns.drained(link, this.#talkState.deps.instance(uid));
    this.#deps.drained(keyOf(link.target));
    this.#deps.enqueue(keyOf(link.target));
  }

  /** The Instance was deleted: other instances may take its messages. */
  gone({ metadata }: Instance): void {
    const { uid } = metadata;
    const link = this.#talkState.links.get(uid);
    const run = link?.target.run ?? this.#records.get(uid)?.run;
    this.#talkState.links.delete(uid);
    this.#talkState.drained.delete(uid);
    this.#records.delete(uid);
    this.#deps.enforcement.forget(uid);
    this.#deps.approvals.withdraw((approval) => approval.uid === uid);
    if (link !== undefined) {
      if (link.state !== 'Drained') {
        link.unread = true;
        this.#deps.turns.drained(link, undefined);
      }
      void link.close(`${metadata.name} is gone`);
    }
    if (run !== undefined) this.#talkState.writer.note([{ type: 'DropLink', uid, run }]);
    this.#deps.routes.gone(uid);
  }
}

const knownOf = ({ facts, protocol, tools, settings }: Link) => ({
  facts: facts.value,
  account: facts.account,
  protocol,
  tools,
  settings,
});

/** Returns a turn that was given up, in the form its connection knows. */
const givenUpOf = ({ id, session = '', working }: Conversation): Turn => ({
  message: working?.message ?? '',
  attempt: working?.attempt ?? 0,
  conversation: id,
  session,
  kind: 'Chat',
  from: '',
  text: '',
});

function specOf(world: World, revision: string): AgentSpec {
  const found = world.revisions.find(({ metadata }) => metadata.name === revision);
  // A Revision records a spec; its schema leaves it open, hence the cast.
  return found === undefined ? world.agent.spec : (found.data as unknown as AgentSpec);
}

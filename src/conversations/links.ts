import { type Agent, type AgentSpec, type Instance, keyText } from '../api/objects.ts';
import type { Driver } from '../drivers/driver.ts';
import type { Conversation } from '../messages/message.ts';
import type { Observed, TalkView } from '../plan/world.ts';
import type { Turn } from '../protocols/protocol.ts';
import type { AgentReports } from './agent-reports.ts';
import { type Deliveries, turnOf } from './deliveries.ts';
import type { Enforcement } from './enforcement.ts';
import type { HeldThreads } from './held-threads.ts';
import { Link } from './link.ts';
import { keyOf } from './open-message.ts';
import type { Approvals } from './pending-approvals.ts';
import {
  type Context,
  type LinkTarget,
  type Ports,
  protocolOf,
  type StartedRun,
  type Tools,
} from './ports.ts';
import type { Routes } from './routes.ts';
import { controlsOf } from './run-facts.ts';
import type { TalkState } from './talk-state.ts';
import type { TurnEnds } from './turn-ends.ts';

interface LinksDeps extends Pick<Ports, 'driver' | 'version'> {
  tools: Pick<Tools, 'offer'>;
  ends: TurnEnds;
  held: HeldThreads;
  deliveries: Deliveries;
  routes: Routes;
  approvals: Approvals;
  enforcement: Enforcement;
  reports: AgentReports;
}

/** Holds a link to each running run, and to each ended run whose output was not read to the end. */
export class Links {
  readonly #context: Context;
  readonly #talk: TalkState;
  readonly #deps: LinksDeps;

  constructor(context: Context, talk: TalkState, deps: LinksDeps) {
    this.#context = context;
    this.#talk = talk;
    this.#deps = deps;
  }

  /** Opens a link to a run that was started with this spec, unless its output was read to the end. */
  attach(agent: Agent, object: Instance, { number: run, startId, ref }: StartedRun, spec: AgentSpec): void {
    const { uid, name, namespace = 'default' } = object.metadata;
    const { agentName, ordinal, runtimeRef } = object.spec;
    if (this.#talk.links.get(uid)?.target.startId === startId || this.#talk.drained.get(uid) === startId)
      return;
    if (protocolOf(spec) === undefined) {
      this.#talk.drained.set(uid, startId); // nothing to read
      this.#context.enqueue(keyText(agent.metadata));
      return;
    }
    const target = {
      namespace,
      agent: agentName,
      instance: name,
      uid,
      ordinal,
      run,
      startId,
      ref,
      runtime: runtimeRef.name,
    };
    this.#link(target, agent, spec);
  }

  /** The run has ended: the rest of its output is read within a limit of time, then the link closes. */
  detach(uid: string, startId: string): void {
    const link = this.#talk.links.get(uid);
    if (link?.target.startId === startId) link.runEnded();
  }

  /** Whether the Instance is being stopped. If so, it gets no more messages. */
  setStopping(uid: string, stopping: boolean): void {
    const link = this.#talk.links.get(uid);
    if (link === undefined) return;
    link.stopping = stopping;
    this.#talk.signals.emit('due', keyOf(link.target));
  }

  /**
   * Returns the planner's view of the link to the newest run. Undefined if nothing is known or the run has no protocol.
   */
  view(agent: Agent, object: Instance, observed: readonly Observed[] | 'Unknown'): TalkView | undefined {
    const { uid } = object.metadata;
    const { number: run = 0, startedAt, previous } = object.status?.run ?? {};
    const link = this.#talk.links.get(uid);
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
    const read = this.#talk.drained.get(uid) === ended.startId;
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

  #link(target: LinkTarget, agent: Agent, spec: AgentSpec): void {
    const { uid, run } = target;
    const protocol = protocolOf(spec);
    const driver = (): Driver | undefined => this.#deps.driver(target.runtime);
    if (protocol === undefined || driver() === undefined) return;
    const before = this.#talk.links.get(uid);
    if (before !== undefined && before.state !== 'Drained') return; // its output is read first
    const record = this.#talk.records.get(uid);
    if (record !== undefined && record.run !== run)
      this.#talk.writer.note([{ type: 'DropLink', uid, run: record.run }]);
    const box = this.#talk.box(keyOf(target));
    for (const open of [...box.current(uid)])
      if (open.message.state !== 'Pending' && open.message.run !== run)
        this.#deps.ends.interrupt(open, `run ${open.message.run} of ${target.instance} is gone`, undefined, {
          unread: true,
        });
    const turns = [...box.current(uid)]
      .filter(({ message }) => message.run === run && message.state !== 'Pending')
      .map((open) => ({ ...turnOf(open, open.thread.record.session ?? ''), text: '' }));
    this.#deps.held.release(target, (working) => working.run !== run);
    const givenUp = box.working(uid).map(({ record }) => givenUpOf(record));
    const { model, systemPrompt, session } = spec;
    const { fleetAccess } = agent.spec; // fleetAccess may change during the run
    const offers = fleetAccess !== 'None' && protocol.capabilities.offersTools;
    const link: Link = new Link({
      target,
      driver,
      protocol,
      record: record?.run === run ? record : undefined,
      writer: this.#talk.writer,
      context: this.#context,
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
    this.#talk.records.delete(uid);
    this.#talk.links.set(uid, link);
  }

  #linkChanged(link: Link): void {
    const key = keyOf(link.target);
    if (link.state === 'Ready') {
      this.#deps.deliveries.confirmDelivery(link);
      this.#deps.approvals.reconnected(link); // after `confirmDelivery`, which cancels turns
      this.#deps.routes.ready(link);
      this.#talk.signals.emit('due', key);
    }
    this.#context.enqueue(key);
  }

  #drained(link: Link): void {
    const { uid, run, startId } = link.target;
    this.#talk.drained.set(uid, startId);
    this.#deps.approvals.withdraw((approval) => approval.uid === uid && approval.run === run);
    this.#deps.ends.drained(link, this.#context.instance(uid));
    const key = keyOf(link.target);
    this.#talk.signals.emit('drained', key);
    this.#context.enqueue(key);
  }

  /** The Instance was deleted: other instances may take its messages. */
  gone({ metadata }: Instance): void {
    const { uid } = metadata;
    const link = this.#talk.links.get(uid);
    const run = link?.target.run ?? this.#talk.records.get(uid)?.run;
    this.#talk.links.delete(uid);
    this.#talk.drained.delete(uid);
    this.#talk.records.delete(uid);
    this.#deps.enforcement.forget(uid);
    this.#deps.approvals.withdraw((approval) => approval.uid === uid);
    if (link !== undefined) {
      if (link.state !== 'Drained') {
        link.unread = true;
        this.#deps.ends.drained(link, undefined);
      }
      void link.close(`${metadata.name} is gone`);
    }
    if (run !== undefined) this.#talk.writer.note([{ type: 'DropLink', uid, run }]);
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

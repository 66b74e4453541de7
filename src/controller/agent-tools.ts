import { type Agent, type Instance, keyText } from '../api/objects.ts';
import type { Fleet } from '../client/fleet.ts';
import type { Resources } from '../client/resources.ts';
import type { Asking, Tools, ToolsOffer, ToolsTalk } from '../conversations/ports.ts';
import type { Driver } from '../drivers/driver.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Parser } from '../sources/parsing/parser.ts';
import { fleetFor } from './agent-fleet.ts';
import { makerAuthor } from './author.ts';
import type { Cache } from './cache.ts';
import { Calls, limited } from './call-limits.ts';
import { McpServers } from './mcp-server.ts';

export interface AgentToolsDeps {
  resources: Resources;
  cache: Cache;
  talk: ToolsTalk;
  /** Parses the manifests that agents write. */
  parser: Parser;
  key: Uint8Array;
  version: string;
  clock: Clock;
  log: Log;
}

const callLimits = { atOnce: 32, rate: 20, burst: 100 };

/** The controller's tools for instances. Conversations offer them to agents, and most of them send messages. */
export class AgentTools implements Tools {
  readonly #deps: AgentToolsDeps;
  readonly #calls: Calls;
  readonly #mcp: McpServers;

  constructor(deps: AgentToolsDeps) {
    this.#deps = deps;
    this.#calls = new Calls(deps.clock, callLimits);
    this.#mcp = new McpServers({
      ...deps,
      fleet: (agent, instance) => this.fleet(agent, instance),
      whose: (uid) => this.#whose(uid),
      seen: (run) => deps.talk.seen(run),
      onChange: (handler) => {
        const changed = { added: handler, updated: handler, deleted: handler };
        deps.cache.instances.addHandler(changed);
        deps.cache.agents.addHandler(changed);
      },
      places: {
        get: (host) => {
          const { marks } = deps.talk;
          const port = marks.get(`mcp/port/${host}`);
          return port === undefined ? undefined : { port, epoch: marks.get(`mcp/epoch/${host}`) ?? 0 };
        },
        set: (host, { port, epoch }) =>
          deps.talk.marks.set([
            { name: `mcp/port/${host}`, at: port },
            { name: `mcp/epoch/${host}`, at: epoch },
          ]),
      },
    });
  }

  fleet(from: Agent, instance: Asking): Fleet {
    const { cache, parser, resources, talk } = this.#deps;
    const fleet = fleetFor(
      {
        talk,
        resources,
        parser,
        runtimeFor: (hasImage) => cache.defaultRuntime(hasImage),
        author: makerAuthor(cache, from, instance),
      },
      from,
      instance,
    );
    return limited(fleet, this.#calls, instance.uid);
  }

  offer(run: { uid: string; run: number }, agent: Agent, driver: Driver): Promise<ToolsOffer> {
    return this.#mcp.offer(run, agent, driver);
  }

  close(): Promise<void> {
    return this.#mcp.close();
  }

  #whose(uid: string): { instance: Instance; agent: Agent } | undefined {
    const { agents, instances } = this.#deps.cache;
    const [instance] = instances.byIndex('uid', uid);
    if (instance === undefined) return undefined;
    const { metadata, spec } = instance;
    const agent = agents.get(keyText({ namespace: metadata.namespace, name: spec.agentName }));
    return agent?.metadata.uid === spec.agentUID ? { instance, agent } : undefined;
  }
}

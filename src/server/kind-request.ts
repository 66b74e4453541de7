import type { FastifyReply, FastifyRequest } from 'fastify';
import type { KindInfo } from '../api/kinds.ts';
import type { ObjectKey } from '../api/objects.ts';
import type { Apis } from '../client/streams.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Exposition, Meters } from '../platform/meters.ts';
import type { Registry } from '../registry/registry.ts';
import type { Parser } from '../sources/parsing/parser.ts';
import type { Waiting } from './object-table.ts';
import type { OpenStreams } from './open-streams.ts';
import type { Pushes } from './pushes.ts';

/**
 * One request about a kind: about one object if the path has a name, else about the collection of one namespace or of
 * all.
 */
export interface Asked extends Parts {
  info: KindInfo;
  namespace: string | undefined;
  name: string | undefined;
  request: FastifyRequest;
  reply: FastifyReply;
}

export function asked(deps: Parts, info: KindInfo, request: FastifyRequest, reply: FastifyReply): Asked {
  const { namespace, name } = request.params as { namespace?: string; name?: string }; // as the routes name them
  return { ...deps, info, namespace, name, request, reply };
}

/** The key from the path. The body may add the rest. */
export const pathKey = ({ namespace, name }: Asked): Partial<ObjectKey> => ({
  ...(namespace === undefined ? {} : { namespace }),
  ...(name === undefined ? {} : { name }),
});

/** The key for a route with a name. */
export const keyOf = (asked: Asked): ObjectKey => ({ ...pathKey(asked), name: asked.name ?? '' });

/**
 * Returns `agents.agentctl.dev "default/x"`, as messages name it; for a subresource `agents.agentctl.dev/status
 * "default/x"`.
 */
export function askedText({ info, namespace, name }: Asked, below?: string): string {
  const group = info.group === '' ? '' : `.${info.group}`;
  const resource = `${info.plural}${group}${below === undefined ? '' : `/${below}`}`;
  if (name === undefined) return resource;
  return `${resource} "${namespace === undefined ? '' : `${namespace}/`}${name}"`;
}

/** What the handlers get. */
export interface Parts {
  registry: Registry;
  apis: Apis;
  clock: Clock;
  log: Log;
  /** Parses YAML bodies. Whoever creates the server closes it. */
  parser: Parser;
  /** The version of agentctl, such as 0.1.0. */
  version: string;
  meters: Meters;
  /** What `/metrics` answers. */
  exposition?: Exposition | undefined;
  /** Watches and logs that are being sent. */
  open: OpenStreams;
  /** Returns how many messages wait for an Agent; absent if that is not known. */
  waiting?: Waiting | undefined;
  /** Receives the pushes that webhooks report. */
  pushes: Pushes;
}

import type { FastifyRequest } from 'fastify';
import type { KindInfo } from '../api/kinds.ts';
import type { ObjectKey } from '../api/objects.ts';

/** What a request is about: a kind, in one namespace or in all, one object of it or the collection. */
export interface Target {
  info: KindInfo;
  namespace: string | undefined;
  name: string | undefined;
}

export function targetOf(info: KindInfo, request: FastifyRequest): Target {
  const { namespace, name } = request.params as { namespace?: string; name?: string }; // as the routes name them
  return { info, namespace, name };
}

/** Of a route that has a name. */
export const keyOfTarget = ({ namespace, name }: Target): ObjectKey => ({
  ...(namespace === undefined ? {} : { namespace }),
  name: name ?? '',
});

/** `agents.agentctl.dev "default/x"`, as messages name it. */
export function targetText({ info, namespace, name }: Target): string {
  const resource = info.group === '' ? info.plural : `${info.plural}.${info.group}`;
  return name === undefined
    ? resource
    : `${resource} "${namespace === undefined ? '' : `${namespace}/`}${name}"`;
}

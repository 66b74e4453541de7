/**
 * Discovery, which clients request first: the groups, versions and resources that are served, in Kubernetes' formats.
 */

import type { FastifyInstance } from 'fastify';
import { ApiError } from '../api/errors.ts';
import { type KindInfo, kinds } from '../api/kinds.ts';
import { aggregatedVersion, answer, answerJson } from './answer.ts';

const subresourceVerbs = ['get', 'patch', 'update'];

/** Paths below an object, or without an object, in subresources.agentctl.dev. */
export const ownGroup = 'subresources.agentctl.dev';
const ownResources: readonly { name: string; namespaced: boolean; verbs: string[] }[] = [
  { name: 'agents/forecast', namespaced: true, verbs: ['get'] },
  { name: 'agents/messages', namespaced: true, verbs: ['create'] },
  { name: 'agents/query', namespaced: true, verbs: ['create'] },
  { name: 'agents/usage', namespaced: true, verbs: ['get'] },
  { name: 'agents/volumes', namespaced: true, verbs: ['delete', 'get'] },
  { name: 'approvals/approve', namespaced: true, verbs: ['create'] },
  { name: 'approvals/deny', namespaced: true, verbs: ['create'] },
  { name: 'controller', namespaced: false, verbs: ['get'] },
  { name: 'controller/stopagents', namespaced: false, verbs: ['create'] },
  { name: 'conversations/close', namespaced: true, verbs: ['create'] },
  { name: 'instances/log', namespaced: true, verbs: ['get'] },
  { name: 'messages/cancel', namespaced: true, verbs: ['create'] },
  { name: 'messages/retry', namespaced: true, verbs: ['create'] },
  { name: 'messages/stream', namespaced: true, verbs: ['get'] },
  { name: 'plans', namespaced: false, verbs: ['create'] },
  { name: 'syncs/diff', namespaced: true, verbs: ['get'] },
  { name: 'usages', namespaced: true, verbs: ['get'] },
];

const groups = [...new Set(kinds.map(({ group }) => group))].filter((group) => group !== '').sort();
const inGroup = (group: string): KindInfo[] =>
  kinds.filter((info) => info.group === group).sort((a, b) => (a.plural < b.plural ? -1 : 1));

const groupOf = (name: string): object => {
  const version = { groupVersion: `${name}/v1`, version: 'v1' };
  return { name, versions: [version], preferredVersion: version };
};

/** `/apis`. */
const apiGroupList = (): object => ({
  kind: 'APIGroupList',
  apiVersion: 'v1',
  groups: groups.map(groupOf),
});

/** `/apis/<group>`; undefined for a group that is not served. */
const apiGroup = (group: string): object | undefined =>
  groups.includes(group) ? { kind: 'APIGroup', apiVersion: 'v1', ...groupOf(group) } : undefined;

/** `/api`. */
const apiVersions = (address: string): object => ({
  kind: 'APIVersions',
  versions: ['v1'],
  serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: address }],
});

/** `/api/v1` and `/apis/<group>/v1`; undefined for a group that is not served. */
function apiResourceList(group: string): object | undefined {
  const own =
    group === ownGroup ? ownResources.map((given) => ({ ...given, singularName: '', kind: '' })) : [];
  const resources = [...inGroup(group).flatMap(resourcesOf), ...own];
  if (resources.length === 0) return undefined;
  const groupVersion = group === '' ? 'v1' : `${group}/v1`;
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources };
}

function resourcesOf(info: KindInfo): object[] {
  const { plural, singular, namespaced, kind, shortNames, subresources } = info;
  const resource = {
    name: plural,
    singularName: singular,
    namespaced,
    kind,
    verbs: info.verbs.toSorted(),
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categoriesOf(info).length === 0 ? {} : { categories: categoriesOf(info) }),
  };
  const below = (name: string, more: object): object => ({
    name: `${plural}/${name}`,
    singularName: '',
    namespaced,
    kind,
    verbs: subresourceVerbs,
    ...more,
  });
  return [
    resource,
    ...(subresources.scale === undefined
      ? []
      : [below('scale', { group: 'autoscaling', version: 'v1', kind: 'Scale' })]),
    ...(subresources.status ? [below('status', {})] : []),
  ];
}

/** `kubectl get all` shows the resources of this category. */
const categoriesOf = ({ kind }: KindInfo): string[] =>
  kind === 'Agent' || kind === 'Instance' ? ['all'] : [];

/** Returns everything in one document, for `/api` (the core group) or `/apis` (the others). */
function aggregated(root: '/api' | '/apis', version: string): object {
  const names = root === '/api' ? [''] : groups;
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: names.map((group) => ({
      metadata: group === '' ? { creationTimestamp: null } : { name: group, creationTimestamp: null },
      versions: [
        {
          version: 'v1',
          resources: [...inGroup(group).map(discoveryOf), ...(group === ownGroup ? ownDiscovery() : [])],
          freshness: 'Current',
        },
      ],
    })),
  };
}

function discoveryOf(info: KindInfo): object {
  const { group, version, kind, plural, singular, namespaced, shortNames, subresources } = info;
  const responseKind = { group, version, kind };
  const below = (subresource: string, kindOf: object): object => ({
    subresource,
    responseKind: kindOf,
    verbs: subresourceVerbs,
  });
  const inside = [
    ...(subresources.scale === undefined
      ? []
      : [below('scale', { group: 'autoscaling', version: 'v1', kind: 'Scale' })]),
    ...(subresources.status ? [below('status', responseKind)] : []),
    ...(group === ownGroup ? ownBelow(plural) : []),
  ];
  return {
    resource: plural,
    responseKind,
    scope: namespaced ? 'Namespaced' : 'Cluster',
    singularResource: singular,
    verbs: info.verbs.toSorted(),
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categoriesOf(info).length === 0 ? {} : { categories: categoriesOf(info) }),
    ...(inside.length === 0 ? {} : { subresources: inside }),
  };
}

/** These resources have no kinds, so clients leave them out of their lists; only agentctl uses them. */
function ownDiscovery(): object[] {
  const roots = new Map<string, (typeof ownResources)[number][]>();
  for (const own of ownResources) {
    const root = own.name.split('/')[0] ?? '';
    if (inGroup(ownGroup).some(({ plural }) => plural === root)) continue;
    roots.set(root, [...(roots.get(root) ?? []), own]);
  }
  return Array.from(roots, ([resource, parts]) => ({
    resource,
    responseKind: { group: '', version: '', kind: '' },
    scope: parts[0]?.namespaced === true ? 'Namespaced' : 'Cluster',
    singularResource: '',
    verbs: parts.find(({ name }) => name === resource)?.verbs ?? [],
    subresources: ownBelow(resource),
  }));
}

const ownBelow = (resource: string): object[] =>
  ownResources
    .filter(({ name }) => name.startsWith(`${resource}/`))
    .map(({ name, verbs }) => ({
      subresource: name.slice(resource.length + 1),
      responseKind: { group: '', version: '', kind: '' },
      verbs,
    }));

const notServed = (): ApiError =>
  new ApiError('NotFound', 'the server could not find the requested resource');

export function discoveryRoutes(app: FastifyInstance, version: string): void {
  for (const root of ['/api', '/apis'] as const) {
    app.get(root, (request, reply) => {
      reply.header('vary', 'Accept');
      const wanted = aggregatedVersion(request.headers.accept);
      if (wanted !== undefined) {
        const type = `application/json;g=apidiscovery.k8s.io;v=${wanted};as=APIGroupDiscoveryList`;
        return answerJson(request, reply, aggregated(root, wanted), 200, type);
      }
      return answer(request, reply, root === '/api' ? apiVersions(request.host) : apiGroupList());
    });
  }
  const document = (find: (group: string) => object | undefined, group: string): object => {
    const found = find(group);
    if (found === undefined) throw notServed();
    return found;
  };
  app.get('/api/v1', (request, reply) => answer(request, reply, document(apiResourceList, '')));
  app.get<{ Params: { group: string } }>('/apis/:group', (request, reply) =>
    answer(request, reply, document(apiGroup, request.params.group)),
  );
  app.get<{ Params: { group: string } }>('/apis/:group/v1', (request, reply) =>
    answer(request, reply, document(apiResourceList, request.params.group)),
  );
  app.get('/version', (request, reply) => answer(request, reply, versionOf(version)));
}

/**
 * kubectl warns if this differs too much from its own version. It is the version of the Kubernetes API that is
 * implemented here.
 */
const versionOf = (version: string): object => ({
  major: '1',
  minor: '32',
  gitVersion: `v1.32.0+agentctl-${version}`,
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: '',
  compiler: 'node',
  platform: `${process.platform}/${process.arch}`,
});

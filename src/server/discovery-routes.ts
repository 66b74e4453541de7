import type { FastifyInstance } from 'fastify';
import { ApiError } from '../api/errors.ts';
import { aggregatedVersion } from './accept.ts';
import { answer, answerJson } from './answer.ts';
import { aggregated, apiGroup, apiGroupList, apiResourceList, apiVersions } from './discovery.ts';

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

/** kubectl warns when this is far from its own version: it says which Kubernetes API it is that is spoken here. */
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

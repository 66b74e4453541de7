import { stringify } from 'yaml';
import type { Token } from './access.ts';

/** A kubeconfig for kubectl, k9s and client libraries. It holds the token: write it with mode 0600. */
export function kubeconfig(server: { url: string; ca: string }, { name, token }: Token): string {
  const context = `agentctl-${name}`;
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'agentctl',
        cluster: {
          server: server.url,
          'certificate-authority-data': Buffer.from(server.ca).toString('base64'),
        },
      },
    ],
    users: [{ name: context, user: { token } }],
    contexts: [{ name: context, context: { cluster: 'agentctl', user: context, namespace: 'default' } }],
    'current-context': context,
  });
}

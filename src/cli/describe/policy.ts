import type { Policy } from '../../api/objects.ts';
import type { Client } from '../cli.ts';
import { fields, metadataFields, section } from './fields.ts';
import { policyFields } from './policy-fields.ts';

export async function describePolicy(client: Client, policy: Policy, now: number): Promise<string> {
  const { items } = await client.list('Agent', { namespace: policy.metadata.namespace });
  const users = items
    .filter(({ spec }) => spec.policyRef?.name === policy.metadata.name)
    .map(({ metadata }) => metadata.name);
  return [
    fields([
      ...metadataFields(policy, now),
      ['Used by', users.length === 0 ? '<none>' : users.sort().join(', ')],
    ]),
    section('Rules', fields(policyFields(policy.spec), '  ')),
  ].join('');
}

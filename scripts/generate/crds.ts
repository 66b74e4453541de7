/** CustomResourceDefinitions (apiextensions.k8s.io/v1), one file a kind of our own group that is stored. */
import { stringify } from 'yaml';
import { isObject, type KindSchema, type Schema } from './schemas.ts';

/** What JSONSchemaProps of apiextensions/v1 has, as far as we use it; all else is refused by a cluster or dropped. */
const allowed = new Set([
  'type',
  'description',
  'format',
  'properties',
  'additionalProperties',
  'items',
  'required',
  'enum',
  'default',
  'pattern',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'oneOf',
  'anyOf',
  'x-kubernetes-int-or-string',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-map-type',
  'x-kubernetes-preserve-unknown-fields',
]);

/** A number is taken for the amount that it is, as src/api/amounts.ts does it: a type alone would refuse it. */
function withNumbers(schema: Schema): Schema {
  const amount = schema['x-agentctl-amount'];
  if (amount === undefined || amount === 'duration') return schema;
  const { type: _, ...rest } = schema;
  return { anyOf: [{ type: 'integer' }, { type: 'string' }], ...rest, 'x-kubernetes-int-or-string': true };
}

export function publish(schema: Schema): Schema {
  return Object.fromEntries(
    Object.entries(withNumbers(schema))
      .filter(([key]) => !key.startsWith('x-agentctl-'))
      .map(([key, value]) => {
        if (!allowed.has(key)) throw new Error(`a CRD cannot have ${key}`);
        if (key === 'properties' && isObject(value)) {
          return [
            key,
            Object.fromEntries(
              Object.entries(value).map(([name, child]) => [name, publish(child as Schema)]),
            ), // lint: each is a schema
          ];
        }
        return [
          key,
          isObject(value) && (key === 'items' || key === 'additionalProperties') ? publish(value) : value,
        ];
      }),
  );
}

export function generateCrds(kinds: KindSchema[]): [path: string, text: string][] {
  return kinds
    .filter(({ info }) => info.group !== '' && info.verbs === undefined)
    .map(({ info, schema }) => {
      const { properties, ...rest } = publish(schema);
      const crd = {
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
        metadata: { name: `${info.plural}.${info.group}` },
        spec: {
          group: info.group,
          names: {
            kind: info.kind,
            listKind: `${info.kind}List`,
            plural: info.plural,
            singular: info.kind.toLowerCase(),
            shortNames: info.shortNames,
            categories: ['agentctl'],
          },
          scope: info.scope,
          versions: [
            {
              name: info.version,
              served: true,
              storage: true,
              ...(info.subresources === undefined ? {} : { subresources: info.subresources }),
              additionalPrinterColumns: info.columns,
              // A cluster has its own rules for the first three: it allows nothing but a type there.
              schema: {
                openAPIV3Schema: {
                  ...rest,
                  properties: {
                    ...(properties as Schema), // every kind has properties
                    apiVersion: { type: 'string' },
                    kind: { type: 'string' },
                    metadata: { type: 'object' },
                  },
                },
              },
            },
          ],
        },
      };
      return [
        `schemas/crds/${info.plural}.yaml`,
        `# Written by \`make generate\` from schemas/. Do not edit.\n${stringify(crd, { aliasDuplicateObjects: false, lineWidth: 110, version: '1.1' })}`,
      ];
    });
}

import type { Kinds, ObjectMeta } from './gen/types.gen.ts';

export type * from './gen/types.gen.ts';
export type Kind = keyof Kinds;
export type AnyObject = Kinds[Kind];

type Partially<T> = T extends readonly (infer Item)[]
  ? Partially<Item>[]
  : T extends object
    ? { [Key in keyof T]?: Partially<T[Key]> | undefined }
    : T;

/** What a client sends: defaults and what the server sets may be absent. */
export type New<T extends { metadata: ObjectMeta }> = Partially<
  Omit<T, 'apiVersion' | 'kind' | 'metadata'>
> & {
  apiVersion: string;
  kind: string;
  metadata: Partially<ObjectMeta>;
};

/** Names one object: `namespace` is absent for cluster-scoped kinds. */
export interface ObjectKey {
  namespace?: string | undefined;
  name: string;
}

export const keyOf = (object: { metadata: ObjectMeta }): ObjectKey => ({
  ...(object.metadata.namespace === undefined ? {} : { namespace: object.metadata.namespace }),
  name: object.metadata.name,
});

/** Its deletion was asked for; finalizers hold it, and what is written to it goes with it. */
export const isTerminating = ({
  metadata,
}: {
  metadata: { deletionTimestamp?: string | undefined };
}): boolean => metadata.deletionTimestamp !== undefined;

export const keyText = (key: ObjectKey): string =>
  key.namespace === undefined ? key.name : `${key.namespace}/${key.name}`;

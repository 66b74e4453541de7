import type { Kinds, ObjectMeta } from './gen/types.gen.ts';

export type * from './gen/types.gen.ts';
export type Kind = keyof Kinds;
export type AnyObject = Kinds[Kind];

type Partially<T> = T extends readonly (infer Item)[]
  ? Partially<Item>[]
  : T extends object
    ? { [Key in keyof T]?: Partially<T[Key]> | undefined }
    : T;

/** What a client sends: fields with defaults and fields of the server are optional. */
export type New<T extends { metadata: ObjectMeta }> = Partially<
  Omit<T, 'apiVersion' | 'kind' | 'metadata'>
> & {
  apiVersion: string;
  kind: string;
  metadata: Partially<ObjectMeta>;
};

/** Identifies one object. `namespace` is absent for cluster-scoped kinds. */
export interface ObjectKey {
  namespace?: string | undefined;
  name: string;
}

export const keyOf = (object: { metadata: ObjectMeta }): ObjectKey => ({
  ...(object.metadata.namespace === undefined ? {} : { namespace: object.metadata.namespace }),
  name: object.metadata.name,
});

/** Whether its deletion was requested. Finalizers keep it for now, and later changes are lost with it. */
export const isTerminating = ({
  metadata,
}: {
  metadata: { deletionTimestamp?: string | undefined };
}): boolean => metadata.deletionTimestamp !== undefined;

export const keyText = (key: ObjectKey): string =>
  key.namespace === undefined ? key.name : `${key.namespace}/${key.name}`;

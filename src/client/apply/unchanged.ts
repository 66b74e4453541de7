import { authorOf } from '../../api/annotations.ts';
import { deepEqual, isObject } from '../../api/json.ts';
import type { AnyObject, New } from '../../api/objects.ts';

/**
 * Whether an apply of this object certainly changes nothing: the manager owns exactly these fields, and they have these
 * values. False if only the server can decide, for example for an amount in another unit. `stored` is the object with
 * everything that the server adds to it, as far as that is known.
 */
export function isUnchanged(
  sent: New<AnyObject>,
  live: AnyObject,
  fieldManager: string,
  stored: New<AnyObject> = sent,
): boolean {
  if (live.metadata.deletionTimestamp !== undefined || authorOf(live) !== undefined) return false;
  const entries = (live.metadata.managedFields ?? []).filter(
    ({ manager, operation, subresource }) =>
      manager === fieldManager && operation === 'Apply' && subresource === undefined,
  );
  const [entry] = entries;
  const { apiVersion: _version, kind: _kind, metadata, ...fields } = sent;
  const { name: _name, namespace: _namespace, ...rest } = metadata;
  const whole = Object.keys(rest).length === 0 ? fields : { ...fields, metadata: rest };
  if (entry === undefined) return Object.keys(whole).length === 0; // a manager that applies no field is not recorded
  if (entries.length > 1 || entry.apiVersion !== sent.apiVersion) return false;
  return hasFields(entry.fieldsV1, { sent: whole, stored, live });
}

/** The same path in all three objects. */
interface Place {
  sent: unknown;
  stored: unknown;
  live: unknown;
}

/** `owned` is a node of a FieldsV1, Kubernetes' format for sets of fields. */
function isSame(owned: unknown, place: Place): boolean {
  if (!isObject(owned)) return false;
  const { sent, stored, live } = place;
  const elements = elementsOf(owned);
  if (elements.length === 0) return deepEqual(stored, live);
  if (elements.every((element) => element.startsWith('k:'))) return hasItems(owned, place);
  if (elements.every((element) => element.startsWith('v:')))
    return Array.isArray(sent) && sent.length === elements.length && deepEqual(stored, live);
  return hasFields(owned, place);
}

function hasFields(owned: unknown, { sent, stored, live }: Place): boolean {
  if (!isObject(owned) || !isObject(sent) || !isObject(stored) || !isObject(live)) return false;
  const elements = elementsOf(owned);
  if (elements.length !== Object.keys(sent).length) return false;
  return elements.every((element) => {
    const name = element.slice('f:'.length);
    return (
      element.startsWith('f:') &&
      Object.hasOwn(sent, name) &&
      Object.hasOwn(live, name) &&
      isSame(owned[element], { sent: sent[name], stored: stored[name], live: live[name] })
    );
  });
}

/** Compares items of a list that are identified by keys. Others may own more items, but the order is the list's. */
function hasItems(owned: Record<string, unknown>, { sent, stored, live }: Place): boolean {
  const elements = elementsOf(owned);
  if (!Array.isArray(sent) || !Array.isArray(stored) || !Array.isArray(live)) return false;
  if (sent.length !== elements.length) return false;
  const places = new Map<unknown, number>();
  for (const element of elements) {
    const key: unknown = JSON.parse(element.slice('k:'.length));
    const [own, at] = [
      stored.findIndex((item) => hasKey(item, key)),
      live.findIndex((item) => hasKey(item, key)),
    ];
    if (
      own === -1 ||
      at === -1 ||
      !hasFields(owned[element], { sent: sent[own], stored: stored[own], live: live[at] })
    )
      return false;
    places.set(own, at);
  }
  const order = sent.map((_, own) => places.get(own) ?? -1);
  return order.every((at, own) => at > (order[own - 1] ?? -1));
}

const hasKey = (item: unknown, key: unknown): boolean =>
  isObject(item) && isObject(key) && Object.entries(key).every(([name, value]) => item[name] === value);

/** Returns the children of a node; `.` means that the node itself is owned. */
const elementsOf = (owned: Record<string, unknown>): string[] =>
  Object.keys(owned).filter((element) => element !== '.');

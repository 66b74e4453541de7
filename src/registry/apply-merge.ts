import { deepEqual } from '../api/json.ts';
import {
  asContainer,
  type Container,
  fieldShape,
  itemElement,
  itemShape,
  type Shape,
} from './field-shape.ts';

type ListContainer = Extract<Container, { type: 'list' }>;

/**
 * Merges the applied configuration into the live object, by structured-merge-diff's rules: maps by key, map lists by
 * their items' keys, sets as unions, and leaves as a whole. Returns `live` itself if nothing changes.
 */
export function mergeInto(live: unknown, applied: unknown, shape: Shape): unknown {
  if (applied === undefined || live === applied) return live;
  if (live === undefined) return applied;
  const [before, after] = [asContainer(live, shape), asContainer(applied, shape)];
  if (before?.type === 'map' && after?.type === 'map') {
    let out: Record<string, unknown> | undefined;
    for (const [name, value] of Object.entries(after.value)) {
      const old = before.value[name];
      const merged = mergeInto(old, value, fieldShape(after.shape, name));
      if (merged === old && Object.hasOwn(before.value, name)) continue;
      out ??= { ...before.value };
      out[name] = merged;
    }
    return out ?? live;
  }
  if (before?.type === 'list' && after?.type === 'list') {
    if (before.value.length === 0 && after.value.length === 0) return live;
    return mergeLists(before, after);
  }
  return deepEqual(live, applied) ? live : applied;
}

interface Item {
  element: string;
  value: unknown;
}

/** Validation refuses items without a key. Here each of them gets a path element of its own. */
const itemsOf = (list: ListContainer): Item[] =>
  list.value.map((value, index) => ({
    element: itemElement(value, list.shape) ?? `i:${index}`,
    value,
  }));

/**
 * Items of both lists are in the order of the applied list. Items of the live list alone stay next to their neighbors.
 */
function mergeLists(live: ListContainer, applied: ListContainer): readonly unknown[] {
  const [left, right] = [itemsOf(live), itemsOf(applied)];
  const inLeft = new Map(left.map(({ element, value }) => [element, value]));
  const inRight = new Set(right.map(({ element }) => element));
  const shared = right.map(({ element }) => element).filter((element) => inLeft.has(element));
  const done = new Set<string>();
  const out: unknown[] = [];
  const shape = itemShape(live.shape);
  let [l, r, next] = [0, 0, 0];
  while (l < left.length || r < right.length) {
    const [ours, theirs] = [left[l], right[r]];
    if (ours !== undefined && theirs !== undefined && ours.element !== theirs.element) {
      const wanted = shared[next];
      if (inRight.has(ours.element) && wanted !== undefined && wanted !== ours.element) {
        l += 1; // in both lists: the applied list decides its position
        continue;
      }
    }
    if (ours !== undefined && !inRight.has(ours.element)) {
      out.push(ours.value);
      l += 1;
      continue;
    }
    if (ours !== undefined && (done.has(ours.element) || ours.element === theirs?.element)) l += 1;
    if (theirs === undefined) continue;
    done.add(theirs.element);
    out.push(mergeInto(inLeft.get(theirs.element), theirs.value, shape));
    r += 1;
    if (shared[next] === theirs.element) next += 1;
  }
  const same = out.length === live.value.length && out.every((item, index) => item === live.value[index]);
  return same ? live.value : out;
}

/** Whether two JSON values are equal; absent equals undefined. It must be fast: each plan compares each status. */
export function same(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const left = one as Record<string, unknown>; // both objects and arrays are read by their keys
  const right = other as Record<string, unknown>;
  for (const key in left) if (left[key] !== right[key] && !same(left[key], right[key])) return false;
  for (const key in right) if (right[key] !== undefined && left[key] === undefined) return false;
  return true;
}

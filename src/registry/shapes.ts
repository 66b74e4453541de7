import type { KindInfo } from '../api/kinds.ts';
import type { Kind } from '../api/objects.ts';
import { type Shape, shapeOf } from './shape.ts';

const shapes = new Map<Kind, Shape>();

/** The shape of a kind, read from its schema once. */
export function shapeFor(info: KindInfo): Shape {
  const known = shapes.get(info.kind);
  if (known !== undefined) return known;
  const shape = shapeOf(info.schema);
  shapes.set(info.kind, shape);
  return shape;
}

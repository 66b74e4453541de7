import { beginning, cut } from '../../api/cut.ts';
import type { JsonObject } from '../../api/schema.ts';
import { limits } from '../limits.ts';
import type { TurnEvent } from '../talk.ts';

/**
 * What an agent's event is in our words. One whose shape is not ours is some agent's own, and is passed on as it is.
 */
export function turnEvent(event: JsonObject): TurnEvent {
  const { type, text } = event;
  if (type === 'text' && typeof text === 'string') return { type, text };
  if (type === 'thought' && typeof text === 'string') return { type, text };
  if (type === 'tool') return toolEvent(event) ?? { type: 'other', event };
  return { type: 'other', event };
}

function toolEvent(event: JsonObject): TurnEvent | undefined {
  const { id, title, kind, status, output } = event;
  if (typeof id !== 'string' || id === '') return undefined;
  if (!optionalText(title) || !optionalText(kind) || !optionalText(output) || !isStatus(status))
    return undefined;
  return {
    type: 'tool',
    id: cut(id, limits.id),
    ...(title == null ? {} : { title: cut(title, limits.title) }),
    ...(kind == null ? {} : { kind: cut(kind, limits.name) }),
    ...(status == null ? {} : { status }),
    ...(output == null ? {} : { output: beginning(output, limits.toolOutput) }),
  };
}

const optionalText = (value: unknown): value is string | null | undefined =>
  value == null || typeof value === 'string';

type Status = 'pending' | 'in_progress' | 'completed' | 'failed';
const statuses: readonly unknown[] = ['pending', 'in_progress', 'completed', 'failed'] satisfies Status[];

const isStatus = (value: unknown): value is Status | null | undefined =>
  value == null || statuses.includes(value);

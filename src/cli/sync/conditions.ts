import type { Condition, Sync } from '../../api/objects.ts';

export const conditionOf = ({ status }: Sync, type: string): Condition | undefined =>
  status?.conditions?.find((each) => each.type === type);

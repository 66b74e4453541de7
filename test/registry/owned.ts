import type { JsonSchema } from '../../src/api/json.ts';
import { members, pathText, shapeOf } from '../../src/registry/fieldset.ts';
import type { Manager } from '../../src/registry/managers.ts';
import { afterApply, afterUpdate } from '../../src/registry/ownership.ts';

const text: JsonSchema = { type: 'string' };
const map: JsonSchema = { type: 'object', additionalProperties: text };

/** A schema with every way of merging in it. */
const schema: JsonSchema = {
  type: 'object',
  properties: {
    scalar: text,
    number: { type: 'integer' },
    struct: {
      type: 'object',
      properties: { name: text, value: text, deep: { type: 'object', properties: { a: text, b: text } } },
    },
    map,
    atomicMap: { ...map, 'x-kubernetes-map-type': 'atomic' },
    atomicList: { type: 'array', items: text, 'x-kubernetes-list-type': 'atomic' },
    set: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
    list: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: {
        type: 'object',
        properties: {
          name: text,
          value: text,
          map,
          set: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
        },
      },
    },
    ports: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['port', 'protocol'],
      items: {
        type: 'object',
        properties: { port: { type: 'integer' }, protocol: { ...text, default: 'TCP' }, name: text },
      },
    },
    mapOfMaps: { type: 'object', additionalProperties: map },
    free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  },
};

export const shape = shapeOf(schema);

export interface Step {
  apply?: object;
  update?: object;
  by: string;
  force?: boolean;
}

/** An object without metadata and its managers, changed step by step as the registry does it. */
export class Owned {
  object: unknown = {};
  managers: readonly Manager[] = [];

  do(step: Step): void {
    const operation = step.apply === undefined ? 'Update' : 'Apply';
    const writer = { manager: step.by, operation, apiVersion: 'v1' } as const;
    const write = { shape, managers: this.managers, writer, time: '2026-01-01T00:00:00Z' };
    if (step.apply === undefined) {
      const next = step.update ?? {};
      this.managers = afterUpdate({ live: this.object, sent: next, stored: next }, write);
      this.object = next;
    } else {
      const applied = afterApply({ live: this.object, config: step.apply }, write, step.force === true);
      [this.object, this.managers] = [applied.object, applied.managers];
    }
    this.managers = this.managers.filter(({ fields }) => Object.keys(fields).length > 0);
  }

  /** By manager, sorted: what it owns. */
  owners(): Record<string, string[]> {
    const entries = this.managers.map(({ manager, operation, fields }) => [
      operation === 'Apply' ? manager : `${manager} (update)`,
      [...members(fields)].map(pathText).sort(),
    ]);
    return Object.fromEntries(entries.sort());
  }
}

import { amountOf } from '../amounts.ts';
import { difference } from '../difference.ts';
import { type FieldError, forbidden, invalid, required } from '../field-error.ts';
import { kindInfo } from '../kinds.ts';
import { listed } from '../listed.ts';
import { nearest } from '../nearest.ts';
import type { Path } from '../path.ts';
import { parseMemory } from '../quantity.ts';
import { isObject, type JsonObject } from '../schema.ts';
import { checkPolicy, checkTimes } from './policy.ts';
import { checkProbe } from './probe.ts';
import { field, has, items, text } from './read.ts';

export function checkAgent(agent: JsonObject): FieldError[] {
  const spec = agent.spec;
  const errors: FieldError[] = [];
  if (has(spec, 'policy') && has(spec, 'policyRef'))
    errors.push(forbidden(['spec', 'policy'], 'cannot be combined with policyRef; remove one of the two'));
  if (has(spec, 'policy')) errors.push(...checkPolicy(field(spec, 'policy'), ['spec', 'policy']));
  for (const probe of ['readiness', 'liveness']) {
    if (has(spec, probe)) errors.push(...checkProbe(field(spec, probe), ['spec', probe]));
  }
  for (const [at, entry] of items(spec, 'schedule').entries())
    errors.push(...checkTimes(entry, ['spec', 'schedule', at]));
  if ((text(spec, 'protocol') ?? 'none') === 'none') errors.push(...checkSilent(spec));
  return [...errors, ...checkTemplate(field(spec, 'template'), ['spec', 'template'])];
}

/** What only an agent that is talked to can have. */
const spoken = {
  model: 'the agent is told its model',
  systemPrompt: 'the agent is told its system prompt',
  prompt: 'the prompt is sent',
  schedule: 'the prompts are sent',
  conversations: 'conversations are held',
};

function checkSilent(spec: unknown): FieldError[] {
  return Object.entries(spoken).flatMap(([name, what]) => {
    if (!has(spec, name) || isEmpty(name, field(spec, name))) return [];
    const why = `requires a protocol, by which ${what}: set spec.protocol to acp or jsonl, or remove it`;
    return [forbidden(['spec', name], why)];
  });
}

/** Whether it says nothing. Defaults are filled in before an object is checked. */
function isEmpty(name: string, value: unknown): boolean {
  const schema = kindInfo('Agent').schema.properties?.spec?.properties?.[name] ?? {};
  return (isObject(value) || Array.isArray(value)) && difference(schema, undefined, value).length === 0;
}

/** Bytes of a log file: a piece of a line must fit in. */
const leastLog = 64 * 1024;

function checkTemplate(template: unknown, path: Path): FieldError[] {
  const errors: FieldError[] = [];
  const inContainer = has(template, 'image');
  const command = field(template, 'command');
  if (!inContainer && (!Array.isArray(command) || command.length === 0))
    errors.push(required([...path, 'command'], 'the program to run, or an image that has one'));
  const maxSize = text(field(template, 'logs'), 'maxSize');
  if (maxSize !== undefined && parseMemory(maxSize) < leastLog)
    errors.push(invalid([...path, 'logs', 'maxSize'], maxSize, 'must be 64Ki or more'));
  for (const [at, variable] of items(template, 'env').entries()) {
    if (has(variable, 'value') && has(variable, 'valueFrom'))
      errors.push(
        forbidden([...path, 'env', at, 'value'], 'cannot be combined with valueFrom; remove one of the two'),
      );
  }
  return [
    ...errors,
    ...checkFiles(template, path, inContainer),
    ...checkVolumes(template, path),
    ...checkLimits(template, path),
    ...checkNetwork(field(template, 'network'), [...path, 'network']),
  ];
}

function checkFiles(template: unknown, path: Path, inContainer: boolean): FieldError[] {
  return items(template, 'files').flatMap((file, at) => {
    const name = text(file, 'path') ?? '';
    const here = [...path, 'files', at, 'path'];
    if (name.split('/').includes('..')) return [invalid(here, name, 'a path without ".."')];
    if (inContainer && !name.startsWith('/'))
      return [invalid(here, name, 'an absolute path in the container')];
    if (!inContainer && name.startsWith('/'))
      return [invalid(here, name, 'a path relative to the working directory of the process')];
    return [];
  });
}

function checkVolumes(template: unknown, path: Path): FieldError[] {
  const names = items(template, 'volumes').map((volume) => text(volume, 'name') ?? '');
  return items(template, 'volumeMounts').flatMap((mount, at) => {
    const name = text(mount, 'name') ?? '';
    if (names.includes(name)) return [];
    const suggestion = nearest(name, names);
    const expected = names.length === 0 ? 'a volume under spec.template.volumes' : `one of ${listed(names)}`;
    return [
      {
        ...invalid([...path, 'volumeMounts', at, 'name'], name, expected),
        ...(suggestion === undefined ? {} : { suggestion }),
      },
    ];
  });
}

function checkLimits(template: unknown, path: Path): FieldError[] {
  const resources = field(template, 'resources');
  const [limits, requests] = [field(resources, 'limits'), field(resources, 'requests')];
  const units = { cpu: 'cores', memory: 'bytes' } as const;
  return (['cpu', 'memory'] as const).flatMap((name) => {
    const [limit, request] = [text(limits, name), text(requests, name)];
    if (limit !== undefined && Number.parseFloat(limit) === 0)
      return [invalid([...path, 'resources', 'limits', name], limit, 'more than 0; omit it for no limit')];
    const [most, asked] = [amountOf(units[name], limit), amountOf(units[name], request)];
    return most !== undefined && asked !== undefined && asked > most
      ? [invalid([...path, 'resources', 'requests', name], request, `no more than the limit, ${limit}`)]
      : [];
  });
}

function checkNetwork(network: unknown, path: Path): FieldError[] {
  const errors: FieldError[] = [];
  const mode = text(network, 'mode') ?? 'Bridge';
  const ports = items(network, 'ports');
  if (mode !== 'Bridge' && has(network, 'name'))
    errors.push(
      forbidden(
        [...path, 'name'],
        `cannot be combined with mode ${mode}; a network can only be joined with mode Bridge`,
      ),
    );
  if (mode !== 'Bridge' && ports.length > 0)
    errors.push(forbidden([...path, 'ports'], `cannot be combined with mode ${mode}`));
  const taken = new Set<string>();
  for (const [at, port] of ports.entries()) {
    if (!has(port, 'hostPort')) continue;
    const address = `${text(port, 'hostIP') ?? '127.0.0.1'}:${field(port, 'hostPort')}/${text(port, 'protocol') ?? 'TCP'}`;
    if (taken.has(address)) {
      errors.push({
        path: [...path, 'ports', at, 'hostPort'],
        reason: 'FieldValueDuplicate',
        message: `${address} is published twice`,
      });
    }
    taken.add(address);
  }
  return errors;
}

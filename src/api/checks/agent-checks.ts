import { RE2JS } from 're2js';
import { amountOf, parseMemory } from '../amounts.ts';
import { cronFault, isTimezone, timezoneNames } from '../cron.ts';
import { difference } from '../difference.ts';
import { type FieldError, forbidden, invalid, required } from '../field-error.ts';
import { field, has, isObject, items, type JsonObject, type Path, text } from '../json.ts';
import { kindInfo } from '../kinds.ts';
import { protocolNames } from '../protocols.ts';
import { listed, nearest } from '../text.ts';
import { tryDuration } from '../time.ts';

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

/** Fields that require a protocol. */
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
    const why = `requires a protocol, by which ${what}: set spec.protocol to ${protocolNames.join(' or ')}, or remove it`;
    return [forbidden(['spec', name], why)];
  });
}

/** Whether the value has only defaults. Defaults are filled in before an object is checked. */
function isEmpty(name: string, value: unknown): boolean {
  const schema = kindInfo('Agent').schema.properties?.spec?.properties?.[name] ?? {};
  return (isObject(value) || Array.isArray(value)) && difference(schema, undefined, value).length === 0;
}

/** Minimum size of a log file in bytes: one chunk of a long line must fit. */
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

function checkProbe(probe: unknown, path: Path): FieldError[] {
  const errors: FieldError[] = [];
  for (const name of ['period', 'timeout']) {
    const value = text(probe, name);
    if (value !== undefined && tryDuration(value) === 0)
      errors.push(invalid([...path, name], value, 'more than 0'));
  }
  errors.push(...checkHttp(field(probe, 'httpGet'), [...path, 'httpGet']));
  const pattern = text(field(probe, 'log'), 'pattern');
  if (pattern !== undefined && !isPattern(pattern))
    errors.push(
      invalid(
        [...path, 'log', 'pattern'],
        pattern,
        'a regular expression (RE2: without lookarounds and backreferences)',
      ),
    );
  return errors;
}

/** Characters that an HTTP/1.1 request cannot have. */
const unsendable = { path: /[^!-\xff]/, name: /[^\w!#$%&'*+.^`|~-]/, value: /[^\t -~\x80-\xff]/ };

function checkHttp(get: unknown, path: Path): FieldError[] {
  const errors: FieldError[] = [];
  const asked = text(get, 'path');
  if (asked !== undefined && (!asked.startsWith('/') || unsendable.path.test(asked)))
    errors.push(
      invalid(
        [...path, 'path'],
        asked,
        'a path that begins with "/", with spaces and special characters escaped, such as %20',
      ),
    );
  const headers = field(get, 'httpHeaders');
  for (const [index, header] of (Array.isArray(headers) ? headers : []).entries()) {
    const at = [...path, 'httpHeaders', index];
    const [name, value] = [text(header, 'name'), text(header, 'value')];
    if (name !== undefined && (name === '' || unsendable.name.test(name)))
      errors.push(invalid([...at, 'name'], name, 'the name of a header'));
    if (value !== undefined && unsendable.value.test(value))
      errors.push(invalid([...at, 'value'], value, 'text without line breaks and other control characters'));
  }
  return errors;
}

function isPattern(pattern: string): boolean {
  try {
    logPattern(pattern);
    return true;
  } catch {
    return false;
  }
}

/** `policy` is the spec of a Policy, or `spec.policy` of an Agent. */
export function checkPolicy(policy: unknown, path: Path): FieldError[] {
  const restart = field(policy, 'scheduledRestart');
  return [
    ...notZero(field(policy, 'restart'), 'window', [...path, 'restart']),
    ...notZero(field(policy, 'update'), 'progressDeadline', [...path, 'update']),
    ...notZero(policy, 'imageInterval', path),
    ...notZero(field(policy, 'messages'), 'timeout', [...path, 'messages']),
    ...notZero(field(policy, 'messages'), 'inactivityTimeout', [...path, 'messages']),
    ...(restart === undefined ? [] : checkScheduledRestart(restart, [...path, 'scheduledRestart'])),
  ];
}

function checkScheduledRestart(restart: unknown, path: Path): FieldError[] {
  return checkTimes(restart, path);
}

/** Checks `cron`, `every` and `timezone` of a schedule. */
function checkTimes(schedule: unknown, path: Path): FieldError[] {
  const errors = notZero(schedule, 'every', path);
  const cron = text(schedule, 'cron');
  const fault = cron === undefined ? undefined : cronFault(cron);
  if (fault !== undefined) errors.push(invalid([...path, 'cron'], cron, fault));
  const zone = text(schedule, 'timezone');
  if (zone !== undefined && !isTimezone(zone)) {
    const suggestion = nearest(zone, timezoneNames());
    errors.push({
      ...invalid([...path, 'timezone'], zone, 'an IANA time zone, as in Europe/Berlin'),
      ...(suggestion === undefined ? {} : { suggestion }),
    });
  }
  return errors;
}

function notZero(value: unknown, name: string, path: Path): FieldError[] {
  const span = text(value, name);
  return span !== undefined && tryDuration(span) === 0 ? [invalid([...path, name], span, 'more than 0')] : [];
}

/**
 * Compiles the pattern of a log probe. Throws if it is invalid. RE2 runs in linear time for every pattern. With a
 * backtracking engine, one manifest and one line of its agent could block the controller.
 */
export function logPattern(pattern: string): { test(text: string): boolean } {
  return RE2JS.compile(RE2JS.translateRegExp(pattern));
}

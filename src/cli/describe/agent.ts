import { changeLine } from '../../api/difference.ts';
import type { AgentSpec, KeyRef, Probe } from '../../api/objects.ts';
import { shellWord } from '../../api/text.ts';
import { humanDuration, parseTime } from '../../api/time.ts';
import type { AgentView } from '../../views/agent-view.ts';
import { table } from '../print/text-table.ts';
import { usageCells, usageHead } from '../verbs/usage.ts';
import { talkSection } from './conversation.ts';
import {
  ago,
  conditionsSection,
  type Field,
  fields,
  type Head,
  joined,
  metadataFields,
  section,
  stateText,
  tableSection,
} from './fields.ts';
import { instanceTable } from './instance.ts';
import { policyFields } from './policy-fields.ts';

/** A longer message is printed once. */
const longWhy = 80;

export function agentText(view: AgentView, head: Head, now: number): string {
  const { state, instances, conditions } = view;
  const accepted = conditions.find(({ type }) => type === 'Accepted');
  const { message = '' } = state;
  const why = accepted?.status === 'False' || message.length > longWhy ? message : undefined;
  return [
    fields([
      ...metadataFields(head, now),
      ['Phase', stateText(state)],
      ['Why', state.message],
      ['Replicas', replicasText(view)],
      ['Restarts', String(view.restarts)],
      ['Runtime', runtimeText(view)],
      ['Next', nextText(view, now)],
      ['Queue', view.queue],
    ]),
    section('Runs', fields(specFields(view.spec), '  ')),
    talkSection(view, now),
    usageSection(view),
    section(policyTitle(view), policyText(view)),
    instances.length === 0
      ? section('Instances', '  <none>\n')
      : section('Instances', instanceTable(instances, now, why)),
    driftText(view),
    conditionsSection(conditions, now, why),
  ].join('');
}

const replicasText = ({ spec, replicas: { desired, current, ready, updated } }: AgentView): string =>
  joined([
    `${desired} desired`,
    `${current} current`,
    `${ready} Ready`,
    `${updated} up to date`,
    spec.suspend && 'suspended',
  ]);

function runtimeText({ runtime: { name, driver, version, ready } }: AgentView): string {
  if (name === undefined) return 'the default container Runtime';
  if (driver === undefined) return `${name}, which does not exist`;
  const how =
    ready === undefined
      ? 'not checked yet'
      : ready.status === 'True'
        ? 'Ready'
        : `${ready.reason}: ${ready.message}`;
  return `${name} (driver ${joined([driver, version])}): ${how}`;
}

function nextText({ next }: AgentView, now: number): string {
  if (next === undefined) return 'nothing is scheduled';
  const at = next.at === undefined ? undefined : parseTime(next.at);
  if (next.at === undefined || at === undefined) return next.action;
  return at <= now
    ? `${next.action} now`
    : `${next.action} in ${humanDuration(at - now)}, ${ago(next.at, now).replace(/ \(.*/, '')}`;
}

function policyTitle({ policy }: AgentView): string {
  switch (policy.from) {
    case 'Policy':
      return `Policy ${policy.name}${policy.rules === undefined ? ', which does not exist' : ''}`;
    case 'Own':
      return 'Policy (its own)';
    case 'Default':
      return 'Policy (the defaults)';
  }
}

function policyText({ spec, policy: { rules } }: AgentView): string {
  if (rules === undefined) return '  nothing is started or stopped until the policy exists\n';
  return fields(policyFields(rules, { hasImage: spec.template.image !== undefined }), '  ');
}

/** Lists the differences between what each instance runs and the spec, field by field. */
function driftText({ drift }: AgentView): string {
  const lines = drift.map(({ instance, ...change }) => [instance, changeLine(change)]);
  return lines.length === 0 ? '' : section('Drift', table(lines, { indent: '  ' }));
}

/** Empty for an agent without a protocol. */
function usageSection({ usage }: AgentView): string {
  if (usage === undefined) return '';
  const rows = usage.flatMap(({ last, sums }) => sums.map((sum) => [last, ...usageCells(sum)]));
  return rows.length === 0
    ? section('Usage', '  no turns in the last 90d\n')
    : tableSection('Usage', ['LAST', ...usageHead], rows);
}

/** Returns the spec in plain words. Values from a Secret are named, never shown. */
export function specFields(spec: AgentSpec): Field[] {
  const { template } = spec;
  const { limits, requests } = template.resources ?? {};
  return [
    ['Image', template.image],
    ['Command', words(template.command)],
    ['Arguments', words(template.args)],
    ['Folder', template.workingDir],
    ['User', template.user],
    ['Environment', environment(template)],
    [
      'Files',
      (template.files ?? []).map(
        ({ path, secretKeyRef, configMapKeyRef }) => `${path}${from(secretKeyRef, configMapKeyRef)}`,
      ),
    ],
    ['Volumes', volumes(template)],
    [
      'Limits',
      joined([
        limits?.cpu === undefined ? undefined : `cpu ${limits.cpu}`,
        limits?.memory === undefined ? undefined : `memory ${limits.memory}`,
        limits?.pids === undefined ? undefined : `pids ${limits.pids}`,
      ]) || undefined,
    ],
    [
      'Requests',
      joined([
        requests?.cpu === undefined ? undefined : `cpu ${requests.cpu}`,
        requests?.memory === undefined ? undefined : `memory ${requests.memory}`,
      ]) || undefined,
    ],
    ['Network', network(template)],
    ['Security', security(template)],
    ['Ready when', probeText(spec.readiness) ?? `it has run for ${spec.minReady}`],
    ['Alive while', probeText(spec.liveness)],
    ['Start within', spec.startDeadline],
  ];
}

type Template = AgentSpec['template'];

/** Formats words as for a shell; shows only the first line of a script. */
function words(list: readonly string[] | undefined): string | undefined {
  if (list === undefined || list.length === 0) return undefined;
  return list.map(firstLine).join(' ');
}

function firstLine(word: string): string {
  const [first = '', ...more] = word.trimEnd().split('\n');
  if (more.length > 0) return `${first} (and ${more.length} more ${more.length === 1 ? 'line' : 'lines'})`;
  return shellWord(first);
}

function from(secret: KeyRef | undefined, configMap: KeyRef | undefined): string {
  const ref = secret ?? configMap;
  if (ref === undefined) return '';
  return ` from ${secret === undefined ? 'configmap' : 'secret'}/${ref.name}, key ${ref.key}${ref.optional ? ' (optional)' : ''}`;
}

function environment({ env = [], envFrom = [] }: Template): string[] {
  return [
    ...env.map(({ name, value, valueFrom }) =>
      valueFrom === undefined
        ? `${name}=${value ?? ''}`
        : `${name}${from(valueFrom.secretKeyRef, valueFrom.configMapKeyRef)}`,
    ),
    ...envFrom.map(({ prefix, secretRef, configMapRef }) => {
      const ref = secretRef ?? configMapRef;
      const kind = secretRef === undefined ? 'configmap' : 'secret';
      return `all of ${kind}/${ref?.name ?? '?'}${prefix === undefined ? '' : `, as ${prefix}...`}${ref?.optional === true ? ' (optional)' : ''}`;
    }),
  ];
}

function volumes({ volumes: all = [], volumeMounts = [] }: Template): string[] {
  return volumeMounts.map(({ name, mountPath, readOnly }) => {
    const volume = all.find((each) => each.name === name);
    return `${mountPath}: ${volume === undefined ? `${name}, which is not in volumes` : source(volume)}${readOnly ? ', read only' : ''}`;
  });
}

function source({
  name,
  hostPath,
  named,
  tmpfs,
  secret,
  configMap,
}: NonNullable<Template['volumes']>[number]): string {
  if (hostPath !== undefined) return `the host's ${hostPath.path}`;
  if (named !== undefined)
    return `volume ${named.volumeName ?? name}${named.perInstance ? ', one for each instance' : ''}`;
  if (tmpfs !== undefined)
    return `memory${tmpfs.sizeLimit === undefined ? '' : `, at most ${tmpfs.sizeLimit}`}`;
  if (secret !== undefined) return `secret/${secret.secretName}${secret.optional ? ' (optional)' : ''}`;
  return configMap === undefined
    ? name
    : `configmap/${configMap.name}${configMap.optional ? ' (optional)' : ''}`;
}

function network({ network: asked }: Template): string | undefined {
  if (asked === undefined) return undefined;
  const ports = (asked.ports ?? []).map(
    ({ containerPort, hostPort, hostIP, protocol }) =>
      `${hostIP}:${hostPort ?? 'any'} to ${containerPort}/${protocol}`,
  );
  return joined([asked.name ?? asked.mode, ...ports]);
}

function security({ security: asked, readOnlyRootFilesystem }: Template): string | undefined {
  const text = joined([
    readOnlyRootFilesystem && 'read only root file system',
    asked?.privileged === true && 'privileged',
    asked?.allowPrivilegeEscalation === true && 'may gain privileges',
    (asked?.capabilities?.add ?? []).length > 0 && `capabilities ${asked?.capabilities?.add?.join(' ')}`,
  ]);
  return text === '' ? undefined : text;
}

/** `GET http://:8080/healthz succeeds, checked every 10s, fails after 3 failures`; undefined without a probe. */
function probeText(probe: Probe | undefined): string | undefined {
  if (probe === undefined) return undefined;
  const { failureThreshold, period, initialDelay } = probe;
  const delay = initialDelay === '0s' ? '' : ` after ${initialDelay}`;
  return `${what(probe)}, checked every ${period}${delay}, fails after ${failureThreshold} failures`;
}

function what({ exec, httpGet, tcpSocket, log }: Probe): string {
  if (exec !== undefined) return `${exec.command.join(' ')} exits with 0`;
  if (httpGet !== undefined)
    return `GET ${httpGet.scheme.toLowerCase()}://:${httpGet.port}${httpGet.path} succeeds`;
  if (tcpSocket !== undefined) return `port ${tcpSocket.port} accepts connections`;
  return `the output matches /${log?.pattern ?? ''}/`;
}

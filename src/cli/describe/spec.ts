import type { AgentSpec, KeyRef, Probe } from '../../api/objects.ts';
import { shellWord } from '../../api/text.ts';
import { type Field, joined } from './fields.ts';

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

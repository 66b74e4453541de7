import type { Probe } from '../../api/objects.ts';

/** `GET http://:8080/healthz answers, asked every 10s`; undefined without a probe. */
export function probeText(probe: Probe | undefined): string | undefined {
  if (probe === undefined) return undefined;
  const { failureThreshold, period, initialDelay } = probe;
  const delay = initialDelay === '0s' ? '' : ` after ${initialDelay}`;
  return `${what(probe)}, checked every ${period}${delay}, fails after ${failureThreshold} failures`;
}

function what({ exec, httpGet, tcpSocket, log }: Probe): string {
  if (exec !== undefined) return `${exec.command.join(' ')} exits with 0`;
  if (httpGet !== undefined)
    return `GET ${httpGet.scheme.toLowerCase()}://:${httpGet.port}${httpGet.path} answers`;
  if (tcpSocket !== undefined) return `port ${tcpSocket.port} accepts connections`;
  return `the output matches /${log?.pattern ?? ''}/`;
}

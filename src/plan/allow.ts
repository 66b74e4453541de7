/** What a Runtime lets Agents use of the host, of its engine and of each other: `spec.allow`. */

import { authorAnnotation } from '../api/annotations.ts';
import { capabilitiesOf } from '../api/capabilities.ts';
import { isNetworkName } from '../api/names.ts';
import type { AgentSpec, Runtime } from '../api/objects.ts';
import { listed } from '../api/text.ts';

type Template = AgentSpec['template'];
type RuntimeSpec = Runtime['spec'];
type Allow = RuntimeSpec['allow'];
type Refuse = (field: string, why: string) => void;

/** Somebody who is not trusted to act as the controller's user on this host; see src/api/annotations.ts. */
export interface Author {
  /** For example `token:edit` or `agent:web`. */
  name: string;
  /** The object that they wrote, as arguments of the command line: `agent/web -n team`. */
  wrote: string;
}

/** The user that the controller runs as. */
export interface ControllerUser {
  uid: number;
  /** All names of this uid. */
  names: readonly string[];
}

/** Returns `field: why, and what to do` for each field that the Runtime does not allow. */
export function notAllowed(
  template: Template,
  spec: Pick<RuntimeSpec, 'driver' | 'allow'>,
  { author, controller }: { author: Author | undefined; controller: ControllerUser },
): string[] {
  const reasons: string[] = [];
  const refuse: Refuse = (field, why) => void reasons.push(`spec.template.${field}: ${why}`);
  const { allow } = spec;
  switch (capabilitiesOf(spec).hostAccess) {
    case 'Granted':
      checkSecurity(template, allow, refuse);
      checkNetwork(template, allow, refuse);
      checkVolumes(template, allow, refuse);
      break;
    case 'Direct':
      checkUser(template, allow, author, controller, refuse);
      break;
  }
  return reasons;
}

function checkSecurity({ security }: Template, allow: Allow, refuse: Refuse): void {
  if (security?.privileged === true && !allow.privileged)
    refuse('security.privileged', "the Runtime does not allow it: set the Runtime's allow.privileged");
  const allowed = allow.capabilities.map(capability);
  if (allowed.includes('*') || allowed.includes('ALL')) return;
  const others = (security?.capabilities?.add ?? []).filter((name) => !allowed.includes(capability(name)));
  if (others.length > 0)
    refuse('security.capabilities.add', notListed(others, 'capabilities', allow.capabilities));
}

const capability = (name: string): string => name.toUpperCase().replace(/^CAP_/, '');

function checkNetwork({ network }: Template, allow: Allow, refuse: Refuse): void {
  const { mode, name, ports = [] } = network ?? {};
  if (mode === 'Host' && !allow.hostNetwork)
    refuse('network.mode', "the Runtime does not allow mode Host: set the Runtime's allow.hostNetwork");
  // A name such as `host` is read as a mode by the engine, and would give the network of the host or of another
  // container.
  if (name !== undefined && !isNetworkName(name))
    refuse('network.name', `${name} is not the name of a network: see network.mode`);
  else if (name !== undefined && !allow.networks.includes(name))
    refuse('network.name', notListed([name], 'networks', allow.networks));
  for (const [index, { hostIP }] of ports.entries())
    if (!isLoopback(hostIP) && !includes(allow.hostIPs, hostIP))
      refuse(`network.ports[${index}].hostIP`, notListed([hostIP || '""'], 'hostIPs', allow.hostIPs));
}

const isLoopback = (address: string): boolean => /^127(\.\d{1,3}){3}$/.test(address) || address === '::1';

function checkVolumes({ volumes = [] }: Template, allow: Allow, refuse: Refuse): void {
  for (const [index, { named }] of volumes.entries()) {
    const name = named?.volumeName;
    if (name === undefined) continue;
    const field = `volumes[${index}].named.volumeName`;
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name)) refuse(field, `${name} is not the name of a volume`);
    else if (!includes(allow.volumes, name))
      refuse(field, `${notListed([name], 'volumes', allow.volumes)}, or omit it for a volume of its own`);
  }
}

const includes = (list: readonly string[], name: string): boolean =>
  list.includes('*') || list.includes(name);

const notListed = (names: readonly string[], field: keyof Allow, list: readonly string[]): string =>
  `${listed(names)} is not in the Runtime's allow.${field} (${listed(list) || 'none'}): add it there`;

function checkUser(
  { user }: Template,
  allow: Allow,
  author: Author | undefined,
  controller: ControllerUser,
  refuse: Refuse,
): void {
  if (user === undefined || isOwn(user, controller)) {
    if (!mayRunAsController(allow, author))
      refuse('user', `${asController(author)}; ${remedies(allow, author)}`);
    return;
  }
  if (allow.users.includes(user)) return;
  if (author !== undefined)
    refuse(
      'user',
      `${wroteIt(author)}, and ${notListed([user], 'users', allow.users)}, or ${takeOver(author)}`,
    );
  // A group such as docker may give a user the rights of the controller.
  else if (allow.controllerUser === false && user.includes(':'))
    refuse('user', `it names a group, and ${notListed([user], 'users', allow.users)}`);
}

/** Whether the Runtime may run something as the controller's own user, who can open its socket and read its Secrets. */
export const mayRunAsController = ({ controllerUser }: Allow, author: Author | undefined): boolean =>
  controllerUser ?? author === undefined;

/** Whether `user` or `user:group` is the controller's own user, or a number that the kernel could read as its uid. */
export function isOwn(user: string, { uid, names }: ControllerUser): boolean {
  const [name = ''] = user.split(':');
  return names.includes(name) || (/^\d+$/.test(name) && (!isId(name) || Number(name) === uid));
}

/** Whether a text is a valid uid or gid. The highest 32-bit number is excluded: to the kernel it means "unchanged". */
export const isId = (text: string): boolean => /^\d+$/.test(text) && Number(text) < 2 ** 32 - 1;

const asController = (author: Author | undefined): string =>
  author === undefined
    ? "the Runtime does not allow the controller's own user"
    : `${wroteIt(author)}, and it would run as the controller's own user`;

function remedies({ users, controllerUser }: Allow, author: Author | undefined): string {
  if (author === undefined) return "name another user, or set the Runtime's allow.controllerUser to true";
  const named = `name a user of the Runtime's allow.users (${listed(users) || 'none'})`;
  const allowed = "set the Runtime's allow.controllerUser to true";
  return controllerUser === false
    ? `${named}, or ${allowed}`
    : `${named}, ${allowed}, or ${takeOver(author)}`;
}

export const wroteIt = ({ name, wrote }: Author): string => `${name} wrote ${wrote.split(' ')[0]}`;

/** What an admin can do who trusts what somebody else wrote. */
export const takeOver = ({ wrote }: Author): string =>
  `take it over as an admin: agentctl annotate ${wrote} ${authorAnnotation}-`;

/** Rules for names, as Kubernetes has them (apimachinery, util/validation). Each answers what was expected, or undefined. */
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const qualified = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

/** A DNS label, RFC 1123. */
export const notDnsLabel = (name: string, longest = 63): string | undefined =>
  name.length <= longest && label.test(name)
    ? undefined
    : `at most ${longest} lower-case letters, digits and "-", with a letter or digit first and last`;

/** A DNS subdomain, RFC 1123: labels with dots between them. */
export const notDnsSubdomain = (name: string): string | undefined =>
  name.length <= 253 && name.split('.').every((part) => label.test(part))
    ? undefined
    : 'at most 253 lower-case letters, digits, "-" and ".", with a letter or digit first and last';

/** The key of a label or annotation: `name` or `prefix.example.com/name`. */
export function notQualifiedName(key: string): string | undefined {
  const parts = key.split('/');
  const name = parts.at(-1) ?? '';
  const prefix = parts.length > 1 ? parts[0] : undefined;
  const right =
    parts.length <= 2 &&
    name.length <= 63 &&
    qualified.test(name) &&
    (prefix === undefined || notDnsSubdomain(prefix) === undefined);
  return right
    ? undefined
    : 'a name of at most 63 letters, digits, "-", "_" and ".", or such a name after a DNS prefix and "/"';
}

export const notLabelValue = (value: string): string | undefined =>
  value === '' || (value.length <= 63 && qualified.test(value))
    ? undefined
    : 'at most 63 letters, digits, "-", "_" and ".", with a letter or digit first and last, or nothing';

/** A key of a Secret's or ConfigMap's data. */
export const notDataKey = (key: string): string | undefined =>
  key.length <= 253 && /^[-._a-zA-Z0-9]+$/.test(key) && key !== '.' && !key.startsWith('..')
    ? undefined
    : 'at most 253 letters, digits, "-", "_" and "."; not "." alone, and not beginning with ".."';

/** Words that Docker and Podman take for a mode where the name of a network is expected. */
const networkModes = [
  'bridge',
  'container',
  'default',
  'host',
  'none',
  'ns',
  'pasta',
  'pod',
  'private',
  'slirp4netns',
];

/** The name of a network of an engine. What holds a colon is a mode, as `container:ID`. */
export const isNetworkName = (name: string): boolean =>
  /^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name) && !networkModes.includes(name.toLowerCase());

/** The container's name in its engine: of no other instance. After a namespace with "-" one could not tell where it ends. */
export const containerName = ({ namespace, instance }: { namespace: string; instance: string }): string =>
  `agentctl-${namespace}${namespace.includes('-') ? '_' : '-'}${instance}`;

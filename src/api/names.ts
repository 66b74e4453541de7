/**
 * Rules for names, from Kubernetes (apimachinery, util/validation). Each returns what was expected; undefined if the
 * name is valid.
 */
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const qualified = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

/** DNS label (RFC 1123). */
export const notDnsLabel = (name: string, longest = 63): string | undefined =>
  name.length <= longest && label.test(name)
    ? undefined
    : `at most ${longest} lower-case letters, digits and "-", with a letter or digit first and last`;

/** DNS subdomain (RFC 1123): labels separated by dots. */
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

/** Words that Docker and Podman read as a network mode instead of a network name. */
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

/**
 * Whether the text can be the name of an engine's network. A text with a colon is a mode, for example `container:ID`.
 */
export const isNetworkName = (name: string): boolean =>
  /^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name) && !networkModes.includes(name.toLowerCase());

/**
 * Returns the container's name in its engine, unique for each instance. A namespace may have "-", so "_" marks its end
 * then.
 */
export const containerName = ({ namespace, instance }: { namespace: string; instance: string }): string =>
  `agentctl-${namespace}${namespace.includes('-') ? '_' : '-'}${instance}`;

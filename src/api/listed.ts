/** Lists names in a message: the first `most`, and how many more there are. */
export function listed(names: readonly string[], { most = 10, separator = ', ' } = {}): string {
  if (names.length <= most) return names.join(separator);
  return [...names.slice(0, most), `… and ${names.length - most} more`].join(separator);
}

/** What `--listen` was given cannot be listened on; the message says why and what to do. */
export class AddressError extends Error {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = 'AddressError';
  }
}

/** `host:port`, `[ipv6]:port`. Throws AddressError. */
export function parseAddress(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535)
    throw new AddressError(
      `${JSON.stringify(text)} is not a listen address, such as 127.0.0.1:6443 or [::1]:0`,
    );
  return { host, port };
}

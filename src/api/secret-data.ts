/** Returns a Secret as it is stored, with stringData encoded into data. It is not validated yet. */
export function withEncodedData<T extends object>(secret: T & { stringData?: unknown; data?: unknown }): T {
  const { stringData, data, ...rest } = secret;
  if (typeof stringData !== 'object' || stringData === null) return secret;
  const encoded = Object.entries(stringData).map(([key, value]) => [
    key,
    typeof value === 'string' ? Buffer.from(value).toString('base64') : value,
  ]);
  return {
    ...rest,
    data: { ...(data as object | undefined), ...Object.fromEntries(encoded) },
  } as unknown as T; // only the two fields differ
}

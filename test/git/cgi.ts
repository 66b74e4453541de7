/** What a CGI program says before the content; undefined where that has not wholly come yet. */
export function cgiHead(
  output: Buffer,
): { status: number; headers: Record<string, string>; rest: Buffer } | undefined {
  const end = output.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const lines = output.toString('latin1', 0, end).split('\r\n');
  const { Status: status = '200', ...headers } = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
  );
  return { status: Number.parseInt(status, 10), headers, rest: output.subarray(end + 4) };
}

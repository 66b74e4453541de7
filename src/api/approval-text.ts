/**
 * Returns what an agent asks permission for, as one text. The request comes first, because it is what would run. The
 * title may be written by a model, and a model can be misled.
 */
export function askedText({ title, request }: { title: string; request?: string | undefined }): string {
  if (request === undefined) return title;
  return request.includes(title) || title.includes(request) ? request : `${request} ("${title}")`;
}

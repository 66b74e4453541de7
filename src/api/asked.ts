/**
 * What an agent asks permission for, in one text: what would run first, since the title may be a model's words, and a
 * model can be misled.
 */
export function askedText({ title, request }: { title: string; request?: string | undefined }): string {
  if (request === undefined) return title;
  return request.includes(title) || title.includes(request) ? request : `${request} ("${title}")`;
}

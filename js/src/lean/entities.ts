/**
 * Stands in for the package `entities` in the bundle: the browser has the table of HTML's named
 * characters already, so markdown-it needs no copy of it.
 */
const NAME = /^&(?:[a-z][a-z0-9]{1,31}|#x[a-f0-9]{1,6}|#[0-9]{1,7});$/i;
const known = new Map<string, string>();

/** Return the characters of one entity, `&amp;` for example; anything else comes back as it is. */
export function decodeHTMLStrict(entity: string): string {
  if (!NAME.test(entity)) return entity;
  const found = known.get(entity);
  if (found !== undefined) return found;
  // The content of a template is inert, and one reference is all that can be in it.
  const template = document.createElement("template");
  template.innerHTML = entity;
  const decoded = template.content.textContent ?? entity;
  known.set(entity, decoded);
  return decoded;
}

export const decodeHTML = decodeHTMLStrict;

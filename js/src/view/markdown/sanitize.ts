/** The last gate for HTML that came from a model: an allow-list of elements and attributes. */
import DOMPurify from "dompurify";

const ELEMENTS = [
  ...["a", "blockquote", "br", "code", "del", "div", "em", "hr", "li", "ol", "p", "pre", "s"],
  ...["span", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul"],
  ...["h1", "h2", "h3", "h4", "h5", "h6"],
];
// The data attributes hold addresses and words that `decorate` judges: no browser acts on them.
const DATA = ["data-alt", "data-href", "data-image", "data-language"];

const purifier = DOMPurify(window);
purifier.addHook("uponSanitizeAttribute", (_node, attribute) => {
  if (attribute.attrName !== "class") return;
  const names = attribute.attrValue.split(/\s+/);
  // highlight.js writes sub-scopes as `function_`, `class_`: plain words, never ours or a host's.
  attribute.attrValue = names
    .filter((name) => /^(hljs-|dnb-(right|center|table)$)/.test(name))
    .join(" ");
  attribute.keepAttr = attribute.attrValue !== "";
});

/** Return the HTML as detached nodes of which nothing can run, load or restyle the page. */
export function sanitize(html: string): DocumentFragment {
  return purifier.sanitize(html, {
    ALLOWED_TAGS: ELEMENTS,
    ALLOWED_ATTR: ["class", "start", ...DATA],
    ADD_URI_SAFE_ATTR: ["class", ...DATA],
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
}

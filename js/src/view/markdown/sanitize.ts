/** The last gate for HTML that came from a model: an allow-list of elements and attributes. */
import DOMPurify from "dompurify";

const ELEMENTS = [
  ...["a", "blockquote", "br", "code", "del", "div", "em", "hr", "li", "ol", "p", "pre", "s"],
  ...["span", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul"],
  ...["h1", "h2", "h3", "h4", "h5", "h6"],
];
// The data attributes hold addresses and words that `controls` judges: no browser acts on them.
const DATA = [
  ...["data-alt", "data-check", "data-display", "data-formula", "data-href", "data-image"],
  "data-language",
];
const MATH_ELEMENTS = [
  ...["math", "menclose", "merror", "mfrac", "mi", "mmultiscripts", "mn", "mo", "mover", "mpadded"],
  ...["mphantom", "mprescripts", "mroot", "mrow", "ms", "mspace", "msqrt", "mstyle", "msub"],
  ...["msubsup", "msup", "mtable", "mtd", "mtext", "mtr", "munder", "munderover", "none"],
];
const MATH_ATTRIBUTES = [
  ...["accent", "accentunder", "class", "columnalign", "columnlines", "columnspacing", "depth"],
  ...["display", "displaystyle", "fence", "form", "height", "linebreak", "linethickness", "lspace"],
  ...["mathcolor", "mathsize", "mathvariant", "maxsize", "minsize", "movablelimits", "notation"],
  ...["rowalign", "rowlines", "rowspacing", "rspace", "scriptlevel", "separator", "stretchy"],
  ...["symmetric", "voffset", "width", "columnspan", "rowspan"],
];

/** What the typesetter says in styles: distances and lines inside a formula, and colours. */
const FORMULA_STYLE =
  /^\s*(?:padding-(?:left|right|top|bottom):\d?(?:\.\d{1,5})?(?:em|ex|pt)|border-(?:left|right|top|bottom):0?\.\d{1,4}em (?:solid|dashed)|color:#[0-9a-f]{3,6})\s*$/i;

const purifier = DOMPurify(window);
purifier.addHook("uponSanitizeAttribute", (node, attribute) => {
  if (attribute.attrName === "class") {
    const names = attribute.attrValue.split(/\s+/);
    const own = node.namespaceURI?.endsWith("MathML") ? /^tml-/ : /^dnb-(right|center|table)$/;
    attribute.attrValue = names.filter((name) => own.test(name)).join(" ");
    attribute.keepAttr = attribute.attrValue !== "";
  } else if (attribute.attrName === "style") {
    const kept = attribute.attrValue.split(";").filter((rule) => FORMULA_STYLE.test(rule));
    attribute.attrValue = kept.join(";");
    attribute.keepAttr = kept.length > 0;
  } else if (/\b(?:e-?\d|\d{3,})/i.test(attribute.attrValue) && SIZES.has(attribute.attrName)) {
    // No formula needs a space of a hundred of anything.
    attribute.keepAttr = false;
  }
});
const SIZES = new Set(["depth", "height", "lspace", "mathsize", "maxsize", "minsize", "rspace"]);
for (const name of ["voffset", "width", "linethickness", "rowspacing", "columnspacing"]) {
  SIZES.add(name);
}

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

/** Return MathML as detached nodes without links, identifiers or foreign content, and of small styles. */
export function sanitizeFormula(mathml: string): DocumentFragment {
  return purifier.sanitize(mathml, {
    ALLOWED_TAGS: MATH_ELEMENTS,
    ALLOWED_ATTR: [...MATH_ATTRIBUTES, "style"],
    ADD_URI_SAFE_ATTR: MATH_ATTRIBUTES,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    NAMESPACE: "http://www.w3.org/1999/xhtml",
    RETURN_DOM_FRAGMENT: true,
  });
}

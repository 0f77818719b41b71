/**
 * Links, images, boxes, formulas and code: marks that the parser wrote become controls, which
 * act on a click only. A control belongs to its mark: as long as the mark is the same, it stays.
 */
import { CodeFrame } from "./code-frame";

const LINK_PROTOCOLS = new Set(["http:", "https:", "mailto:"]);
const EMBEDDED_IMAGE = /^data:image\/(png|jpeg|gif|webp);base64,/i;
/** Signs without a shape, with which words can be turned around or made to look alike. */
const UNSEEN = /[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/;

const marks = new WeakMap<Node, string>();

/** What turns the source of a formula into nodes, when it can. */
export interface FormulaSetter {
  /** Fill `element` with a formula; until that is possible its source stays in it. */
  set(element: HTMLElement, source: string, isDisplay: boolean): void;
}

/** Return what stands for the mark of an element; null where it is no control. */
export function markOf(element: Element): string | null {
  return marks.get(element) ?? readMark(element);
}

function readMark(element: Element): string | null {
  if (!(element instanceof HTMLElement)) return null;
  const { href, image, alt, check, formula, display } = element.dataset;
  if (href !== undefined) return JSON.stringify(["a", href, element.textContent]);
  if (image !== undefined) return JSON.stringify(["img", image, alt]);
  if (check !== undefined) return JSON.stringify(["box", check]);
  return formula === undefined ? null : JSON.stringify(["math", formula, display !== undefined]);
}

/** Turn the marks in `node` into controls and return the node to show: it, or its frame. */
export function mount(node: ChildNode, setter: FormulaSetter): ChildNode {
  if (!(node instanceof HTMLElement)) return node;
  if (node instanceof HTMLPreElement) return framed(node);
  for (const block of node.querySelectorAll("pre")) block.replaceWith(framed(block));
  const selector = "a[data-href], span[data-image], span[data-check], span[data-formula]";
  const found = [...node.querySelectorAll<HTMLElement>(selector)];
  if (node.matches(selector)) found.unshift(node);
  // From the inside out: a link's mark holds the words in it.
  for (const element of found.reverse()) control(element, setter);
  return node;
}

function framed(block: HTMLPreElement): HTMLElement {
  return new CodeFrame(block.dataset.language ?? "", block.textContent ?? "").element;
}

function control(element: HTMLElement, setter: FormulaSetter): void {
  const mark = readMark(element);
  if (mark === null) return;
  marks.set(element, mark);
  const { href, image: source, alt = "", check, formula, display } = element.dataset;
  for (const name of Object.keys(element.dataset)) delete element.dataset[name];
  if (href !== undefined) decorateLink(element as HTMLAnchorElement, href);
  else if (source !== undefined) element.replaceChildren(image(source, alt));
  else if (check !== undefined) element.replaceChildren(box(check === "done"));
  else if (formula !== undefined) {
    element.className = display === undefined ? "dnb-formula" : "dnb-formula dnb-display";
    element.textContent = formula;
    setter.set(element, formula, display !== undefined);
  }
}

function box(isDone: boolean): HTMLInputElement {
  const input = document.createElement("input");
  input.type = "checkbox";
  input.className = "dnb-check";
  input.disabled = true;
  input.defaultChecked = isDone;
  input.setAttribute("aria-label", isDone ? "Done" : "Not done");
  return input;
}

/** Return an image that is shown at once when the text itself contains it, else on request. */
export function image(source: string, alt: string): HTMLElement {
  if (EMBEDDED_IMAGE.test(source)) return loadedImage(source, alt);
  const url = safeUrl(source);
  if (!url || url.protocol === "mailto:") {
    const word = document.createElement("span");
    word.className = "dnb-image-refused";
    word.textContent = alt ? `[image: ${alt}]` : "[image]";
    return word;
  }
  const button = document.createElement("button");
  button.type = "button";
  button.className = "dnb-image-load";
  button.title = url.href;
  const name = document.createElement("bdi");
  name.textContent = alt ? `Image “${alt}”` : "Image";
  const host = document.createElement("bdi");
  host.className = "dnb-image-host";
  host.textContent = url.host;
  button.append(name, ": load from ", host);
  button.addEventListener("click", () => {
    const loaded = loadedImage(url.href, alt);
    // What had the focus goes away: the reader stays at the place.
    loaded.tabIndex = -1;
    button.replaceWith(loaded);
    loaded.focus({ preventScroll: true });
  });
  return button;
}

function loadedImage(source: string, alt: string): HTMLImageElement {
  const loaded = document.createElement("img");
  loaded.className = "dnb-image";
  loaded.referrerPolicy = "no-referrer";
  loaded.alt = alt;
  loaded.src = source;
  return loaded;
}

function decorateLink(link: HTMLAnchorElement, address: string): void {
  // The address of a link is still coming: it looks like one, and leads nowhere.
  if (address === "#") link.className = "dnb-link";
  const url = safeUrl(address);
  if (!url) return;
  link.className = "dnb-link";
  link.rel = "noopener noreferrer";
  link.target = "_blank";
  link.title = url.href;
  link.tabIndex = 0;
  link.setAttribute("role", "link");
  // A browser may resolve the host of an address that it sees; it sees this one when it is used.
  const arm = () => link.setAttribute("href", url.href);
  link.addEventListener("pointerdown", arm);
  link.addEventListener("click", arm);
  link.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !link.hasAttribute("href")) {
      event.preventDefault();
      arm();
      link.click();
    }
  });
  if (!needsHost(link.textContent ?? "", url)) return;
  const host = document.createElement("bdi");
  host.className = "dnb-link-host";
  host.textContent = ` (${url.host || url.pathname})`;
  link.append(host);
}

function safeUrl(address: string): URL | null {
  const url = URL.canParse(address) ? new URL(address) : null;
  return url && LINK_PROTOCOLS.has(url.protocol) ? url : null;
}

/** Whether the words of a link may lie about where it leads, so that its true host must show. */
function needsHost(words: string, url: URL): boolean {
  if (UNSEEN.test(words) || url.username !== "" || url.password !== "") return true;
  const claimed = claimedHost(words);
  // A host in other letters looks like one in ours: its plain form says which it is.
  return /(^|\.)xn--/.test(url.hostname) || (claimed !== null && claimed !== url.host);
}

/** Return the host that a link's words seem to name. */
function claimedHost(words: string): string | null {
  const match =
    /^\s*(?:[a-z]+:\/\/)?(?:[^\s/@]{1,100}@)?((?:[\p{L}\p{N}_-]{1,63}\.){1,10}[\p{L}]{2,63}(?::\d{1,5})?)(?:[/?#]\S*)?\s*$/iu.exec(
      words.slice(0, 2_000),
    );
  return match?.[1]?.toLowerCase() ?? null;
}

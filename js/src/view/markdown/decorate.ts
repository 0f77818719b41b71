/** Links, images and code blocks of sanitised nodes become controls that act on a click only. */
import { copyButton } from "../copy";

const LINK_PROTOCOLS = new Set(["http:", "https:", "mailto:"]);
const EMBEDDED_IMAGE = /^data:image\/(png|jpeg|gif|webp);base64,/i;

/** Turn the marks that the parser wrote into controls; code gets its bar when it is finished. */
export function decorate(fragment: DocumentFragment, isFinished: boolean): void {
  for (const link of fragment.querySelectorAll<HTMLAnchorElement>("a[data-href]")) {
    decorateLink(link);
  }
  for (const mark of fragment.querySelectorAll<HTMLElement>("span[data-image]")) {
    mark.replaceWith(image(mark.dataset.image ?? "", mark.dataset.alt ?? ""));
  }
  for (const block of fragment.querySelectorAll<HTMLPreElement>("pre")) {
    decorateCode(block, isFinished);
  }
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
  button.textContent = `${alt ? `Image “${alt}”` : "Image"}: load from ${url.host}`;
  button.addEventListener("click", () => button.replaceWith(loadedImage(url.href, alt)));
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

function decorateLink(link: HTMLAnchorElement): void {
  const url = safeUrl(link.dataset.href ?? "");
  link.removeAttribute("data-href");
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
  const claimed = claimedHost(link.textContent ?? "");
  if (claimed && claimed !== url.host) {
    const host = document.createElement("span");
    host.className = "dnb-link-host";
    host.textContent = ` (${url.host})`;
    link.append(host);
  }
}

function safeUrl(address: string): URL | null {
  const url = URL.canParse(address) ? new URL(address) : null;
  return url && LINK_PROTOCOLS.has(url.protocol) ? url : null;
}

/** Return the host that a link's text seems to name: such a text must not lie. */
function claimedHost(text: string): string | null {
  const match = /^\s*(?:https?:\/\/)?((?:[\w-]+\.)+[a-z]{2,}(?::\d+)?)(?:[/?#]\S*)?\s*$/i.exec(
    text,
  );
  return match?.[1]?.toLowerCase() ?? null;
}

function decorateCode(block: HTMLPreElement, isFinished: boolean): void {
  const frame = document.createElement("div");
  frame.className = "dnb-code";
  const bar = document.createElement("div");
  bar.className = "dnb-code-bar";
  const label = document.createElement("span");
  label.textContent = block.dataset.language || "text";
  bar.append(label);
  block.removeAttribute("data-language");
  // A long line scrolls sideways: the keyboard must reach the box that scrolls.
  block.tabIndex = 0;
  block.replaceWith(frame);
  if (isFinished) {
    bar.append(copyButton("Copy code", () => (block.textContent ?? "").replace(/\n$/, "")));
  }
  frame.append(bar, block);
}

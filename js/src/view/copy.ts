/** A button that puts text on the clipboard and says so. */
import { icons } from "./icons";

const SHOWN_MS = 1600;

/** Return a copy button; `text` is asked for when it is pressed. */
export function copyButton(label: string, text: () => string): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "dnb-copy";
  const show = (word: string, icon: string) => {
    button.innerHTML = icon;
    button.setAttribute("aria-label", word);
    button.title = word;
  };
  show(label, icons.copy);
  button.addEventListener("click", async () => {
    const isCopied = await copy(text());
    show(
      isCopied ? "Copied" : "The browser does not allow copying here",
      isCopied ? icons.check : icons.alert,
    );
    setTimeout(() => show(label, icons.copy), SHOWN_MS);
  });
  return button;
}

async function copy(text: string): Promise<boolean> {
  // The clipboard API exists on secure pages only, and a notebook server is often plain http.
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text).then(
      () => true,
      () => copyBySelection(text),
    );
  }
  return copyBySelection(text);
}

function copyBySelection(text: string): boolean {
  const carrier = document.createElement("textarea");
  carrier.value = text;
  carrier.style.position = "fixed";
  carrier.style.opacity = "0";
  const focused = document.activeElement;
  document.body.append(carrier);
  carrier.select();
  const isCopied = document.execCommand("copy");
  carrier.remove();
  if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  return isCopied;
}

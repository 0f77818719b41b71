/** The images that wait in the composer, and the ways they come in: button, paste, drop. */
import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { ACCEPTED, type Attachment, filesOf } from "../attachments";
import type { ChatStore } from "../chat-state";
import { icons } from "./icons";

/** Return the images that wait, each with a button that takes it away. */
export function attachedImages(
  attachments: readonly Attachment[],
  store: ChatStore,
): TemplateResult | typeof nothing {
  if (attachments.length === 0) return nothing;
  return html`<div class="dnb-attached">
    ${repeat(
      attachments,
      ({ id }) => id,
      ({ id, name, data, preview }) => html`<div class="dnb-attached-image">
        ${
          preview === null
            ? html`<span class="dnb-attached-web" role="img" aria-label=${name} title=${data}
                .innerHTML=${icons.image}></span>`
            : html`<img src=${preview} alt=${name} title=${name} />`
        }
        <button type="button" aria-label=${`Remove ${name}`} title="Remove"
          @click=${() => store.detach(id)} .innerHTML=${icons.cross}></button>
      </div>`,
    )}
  </div>`;
}

/** Return the button that lets the person choose images. */
export function attachButton(store: ChatStore, isOff: boolean): TemplateResult {
  const choose = (event: Event) => {
    const input = (event.currentTarget as HTMLElement).querySelector("input");
    if (event.target !== input) input?.click();
  };
  const chosen = (event: Event) => {
    const input = event.target as HTMLInputElement;
    void store.attach([...(input.files ?? [])]);
    input.value = "";
  };
  return html`<span @click=${choose}>
    <button type="button" class="dnb-attach" ?disabled=${isOff} aria-label="Add images"
      title="Add images" .innerHTML=${icons.image}></button>
    <input type="file" hidden multiple accept=${ACCEPTED} @change=${chosen} />
  </span>`;
}

/** Let images be pasted and dropped into `element`. */
export function takeDrops(element: HTMLElement, store: ChatStore): void {
  element.addEventListener("paste", (event) => take(event, event.clipboardData, store));
  element.addEventListener("drop", (event) => {
    element.removeAttribute("data-drop");
    take(event, event.dataTransfer, store);
  });
  element.addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    event.stopPropagation();
    element.setAttribute("data-drop", "");
  });
  element.addEventListener("dragleave", (event) => {
    if (!element.contains(event.relatedTarget as Node | null)) element.removeAttribute("data-drop");
  });
}

function take(event: Event, transfer: DataTransfer | null, store: ChatStore): void {
  const files = filesOf(transfer);
  if (files.length === 0) return;
  // The notebook would take a dropped file for itself.
  event.preventDefault();
  event.stopPropagation();
  void store.attach(files);
}

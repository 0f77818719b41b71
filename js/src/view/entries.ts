/** One template for each kind of entry, and for a section of them. */
import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { isStored, type StoredImages } from "../stored-images";
import type { AnswerFacts } from "../wire/types";
import { factsPanel } from "./facts";
import { type Folds, foldedText } from "./folded";
import { icons } from "./icons";
import { image } from "./markdown/controls";
import type { Entry, Section, ToolView } from "./sections";
import { type CallNodes, toolGroup } from "./tool-card";
import { advice, plural, short } from "./words";

/** What can be done with a prompt that ended in an error. */
export interface Again {
  /** Send it as it was. */
  send(): void;
  /** Put it into the composer. */
  edit(): void;
}

/** What entries need of the view they stand in. */
export interface EntryContext {
  readonly folds: Folds;
  /** Return the node of a text; it is the same one for the same key. */
  textNode(key: number, text: string, isStreaming: boolean): HTMLElement;
  /** Return the node of an image that is stored with the conversation. */
  imageNode(key: number, url: string): HTMLElement;
  /** Return a button that copies what this section says; the same one for the same key. */
  copyNode(section: Section): HTMLElement;
  /** Return the nodes of a call that grow; the same ones for the same place. */
  callNodes(key: number, index: number, tool: ToolView): CallNodes;
  /** Null where nothing can be done again. */
  readonly again: Again | null;
  /** Ask for the facts of a section; null where there is nobody to ask. */
  readonly ask: ((section: Section) => void) | null;
}

/** How a section stands. */
export interface SectionState {
  readonly isPast: boolean;
  readonly isStopped: boolean;
  /** Undefined until they are told, null where there are none. */
  readonly facts: AnswerFacts | null | undefined;
}

/** Return a section: a bubble of the person, or all that the model did before the next one. */
export function sectionTemplate(
  section: Section,
  state: SectionState,
  context: EntryContext,
): TemplateResult {
  const entries =
    section.role === "user"
      ? html`${section.entries.filter(({ kind }) => kind !== "image").map((entry) => userEntry(entry, context))}
        ${pictures(section, context)}`
      : repeat(
          section.entries,
          ({ key }) => key,
          (entry) => entryTemplate(entry, context),
        );
  return sectionFrame(
    section,
    state.isPast,
    html`
    ${section.isSteering ? html`<div class="dnb-bubble-label">added while answering</div>` : nothing}
    ${entries}
    ${state.isStopped ? html`<div class="dnb-stopped"><span .innerHTML=${icons.slash}></span>Stopped</div>` : nothing}
    ${section.isSending ? html`<div class="dnb-bubble-label dnb-sending">sending</div>` : nothing}
    ${section.role === "system" || section.isSending ? nothing : sectionEnd(section, state, context)}
  `,
  );
}

/** Return a section that nobody has come near to: its words alone, for a search in the page. */
export function unseenSection(section: Section): TemplateResult {
  const words = section.entries.map((entry) =>
    entry.kind === "text" || entry.kind === "thinking" ? entry.text : "",
  );
  return sectionFrame(section, true, html`<div class="dnb-unseen">${words.join("\n\n")}</div>`);
}

function sectionFrame(
  { role, isSending }: Section,
  isPast: boolean,
  content: TemplateResult,
): TemplateResult {
  return html`<div class=${role === "user" ? "dnb-section dnb-user" : "dnb-section"} data-role=${role}
    ?data-past=${isPast} ?data-sending=${isSending} aria-busy=${isSending ? "true" : nothing}>${content}</div>`;
}

function pictures(section: Section, context: EntryContext): TemplateResult | typeof nothing {
  const images = section.entries.filter((entry) => entry.kind === "image");
  if (images.length === 0) return nothing;
  return html`<div class="dnb-pictures">
    ${images.map((entry) => entryTemplate(entry, context))}
  </div>`;
}

/** What can be done with a whole section: copy it, and ask what it took. */
function sectionEnd(section: Section, state: SectionState, context: EntryContext): TemplateResult {
  const name = `${section.key}.facts`;
  const isOpen = context.folds.get(name) === true && context.ask !== null;
  const hasText = section.entries.some(({ kind }) => kind === "text");
  const toggle = () => {
    if (!isOpen) context.ask?.(section);
    context.folds.set(name, !isOpen);
  };
  return html`<div class="dnb-section-end" ?data-open=${isOpen}>
      ${hasText ? context.copyNode(section) : nothing}
      ${
        context.ask === null
          ? nothing
          : html`<button type="button" class="dnb-copy dnb-details" aria-label="Details" title="Details"
              aria-expanded=${isOpen} @click=${toggle} .innerHTML=${icons.info}></button>`
      }
    </div>
    ${isOpen ? factsPanel(state.facts) : nothing}`;
}

function userEntry(entry: Entry, context: EntryContext): TemplateResult {
  if (entry.kind !== "text") return entryTemplate(entry, context);
  return html`<div class="dnb-bubble" dir="auto" data-key=${entry.key}>${foldedText(entry.text, `${entry.key}.text`, context.folds)}</div>`;
}

function entryTemplate(entry: Entry, context: EntryContext): TemplateResult {
  switch (entry.kind) {
    case "text":
      return html`<div class="dnb-text" data-key=${entry.key} ?data-streaming=${entry.isStreaming}
        aria-busy=${entry.isStreaming}>${context.textNode(entry.key, entry.text, entry.isStreaming)}</div>`;
    case "thinking":
      return thinking(entry, context);
    case "tools":
      return toolGroup(entry.tools, entry.key, context.folds, (tool, index) =>
        context.callNodes(entry.key, index, tool),
      );
    case "error":
      return errorItem(entry, context.again);
    case "image":
      return html`<div class="dnb-picture" data-key=${entry.key}>${context.imageNode(entry.key, entry.url)}</div>`;
    case "note":
      return html`<div class="dnb-note" dir="auto" data-key=${entry.key}>${foldedText(entry.text, `${entry.key}.text`, context.folds)}</div>`;
    default:
      entry satisfies never;
      return html``;
  }
}

function thinking(
  entry: Extract<Entry, { kind: "text" | "thinking" }>,
  context: EntryContext,
): TemplateResult {
  const name = `${entry.key}.thinking`;
  const isOpen = context.folds.get(name) ?? entry.isStreaming;
  const words = entry.text.split(/\s+/).filter(Boolean).length;
  const toggle = (event: Event) => {
    // The view draws the fold, so that the person's choice outlives the next drawing.
    event.preventDefault();
    context.folds.set(name, !isOpen);
  };
  return html`<details class="dnb-thinking" data-key=${entry.key} .open=${isOpen} ?data-streaming=${entry.isStreaming}>
    <summary @click=${toggle}>
      <span class="dnb-chevron" .innerHTML=${icons.chevron}></span>
      <span class="dnb-thinking-label">${entry.isStreaming ? "Thinking" : "Thought"}</span>
      ${entry.isStreaming ? nothing : html`<span class="dnb-faint">${plural(words, "word")}</span>`}
    </summary>
    <div class="dnb-thinking-text">${context.textNode(entry.key, entry.text, entry.isStreaming)}</div>
  </details>`;
}

function errorItem(
  { key, message, code }: Extract<Entry, { kind: "error" }>,
  again: Again | null,
): TemplateResult {
  const what = advice(code);
  return html`<div class="dnb-error" data-key=${key}>
    <span class="dnb-error-icon" .innerHTML=${icons.alert}></span>
    <div class="dnb-error-text">
      <div class="dnb-error-message">${short(message, 2_000)}${
        code === null ? nothing : html` <span class="dnb-error-code">${short(code, 40)}</span>`
      }</div>
      ${what === null ? nothing : html`<div class="dnb-error-advice">${what}</div>`}
      ${
        again === null
          ? nothing
          : html`<div class="dnb-agains">
              <button type="button" class="dnb-quiet dnb-again" @click=${again.send}>Try again</button>
              <button type="button" class="dnb-quiet" @click=${again.edit}>Edit the message</button>
            </div>`
      }
    </div>
  </div>`;
}

/** Return the node of a message's image; see `image` for what is loaded when. */
export function messageImage(url: string, images: StoredImages): HTMLElement {
  if (!isStored(url)) return image(url, "");
  const place = document.createElement("span");
  place.className = "dnb-image-waiting";
  place.innerHTML = icons.image;
  images.load(url, (data) => {
    place.className = "dnb-image-stored";
    place.replaceChildren(image(data ?? "", data === null ? "not here" : "of the message"));
  });
  return place;
}

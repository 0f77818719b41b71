/**
 * The log: sections of chunks. A delta of the text that is being written touches that text's
 * last block and nothing else; everything else is drawn again only when it changed.
 */
import { html, nothing, render, type TemplateResult } from "lit-html";
import { guard } from "lit-html/directives/guard.js";
import { repeat } from "lit-html/directives/repeat.js";
import { type ChatState, type ChatStore, isOnline } from "../chat-state";
import { isStored } from "../stored-images";
import { selectChunks } from "../transcript/selectors";
import { NO_TOOLS, type WorkingTools } from "../transcript/working";
import { activity, empty, RetryCountdown } from "./activity";
import { copyButton } from "./copy";
import { identity, shapeOf, wasStopped } from "./drawn-parts";
import { type Again, type EntryContext, messageImage, sectionTemplate } from "./entries";
import type { Folds } from "./folded";
import type { FormulaSetter } from "./markdown/controls";
import { MarkdownView } from "./markdown/markdown-view";
import { formulaSetter } from "./markdown/set-formula";
import { type Entry, keysBetween, type Section, selectSections, streamingEntry } from "./sections";
import { CallNodes } from "./tool-card";

/** The scrolling part of one view. */
export class LogView {
  readonly element = document.createElement("div");
  readonly #store: ChatStore;
  readonly #redraw: () => void;
  readonly #onEdit: () => void;
  readonly #formulas: FormulaSetter;
  readonly #texts = new Map<number, MarkdownView>();
  readonly #calls = new Map<number, CallNodes[]>();
  /** The cards of calls at work by the calls' ids, and what was shown of them. */
  readonly #atWork = new Map<string, CallNodes>();
  #working: WorkingTools = NO_TOOLS;
  readonly #images = new Map<number, { url: string; node: HTMLElement }>();
  readonly #copies = new Map<number, HTMLElement>();
  readonly #openFolds: Map<string, boolean>;
  readonly #countdown: RetryCountdown;
  #foldsChanged = 0;
  #sections: readonly Section[] = [];
  #drawn: readonly unknown[] = [];

  /**
   * `redraw` is called when the log wants to be drawn again without news from the store, and
   * `onEdit` when a message was put into the composer.
   */
  constructor(store: ChatStore, redraw: () => void, onEdit: () => void) {
    this.#store = store;
    this.#redraw = redraw;
    this.#onEdit = onEdit;
    this.#countdown = new RetryCountdown(redraw);
    this.#formulas = formulaSetter(store.formulas);
    this.#openFolds = new Map(store.folds);
    this.element.className = "dnb-log-content";
  }

  /** Draw a state. */
  update(state: ChatState): void {
    const { transcript, extensions } = state.live;
    const { accumulating } = transcript;
    const structure = [
      ...[transcript.committed, transcript.provisional, accumulating?.kind],
      ...[extensions.settledTools, shapeOf(extensions.workingTools)],
      ...[transcript.generating, transcript.providerRetry, state.pending, state.connection],
      transcript.sync?.echoes,
      ...[state.isLoadingOlder, state.status, state.facts, state.stops, this.#foldsChanged],
      this.#countdown.seconds(transcript.providerRetry),
    ];
    if (structure.every((part, index) => part === this.#drawn[index])) {
      const last = streamingEntry(this.#sections);
      if (accumulating && last) this.#texts.get(last.key)?.update(accumulating.text, false);
      this.#growCalls(extensions.workingTools);
      return;
    }
    this.#drawn = structure;
    this.#working = extensions.workingTools;
    this.#drawAll(state);
  }

  /** Show what calls at work have written since, and nothing else. */
  #growCalls(working: WorkingTools): void {
    if (working === this.#working) return;
    for (const [id, tool] of working) {
      if (tool !== this.#working.get(id)) this.#atWork.get(id)?.grow(tool);
    }
    this.#working = working;
  }

  #drawAll(state: ChatState): void {
    const { transcript, extensions } = state.live;
    const isLive = isOnline(state);
    this.#sections = selectSections({
      chunks: [...selectChunks(transcript)],
      settled: (stepId, toolCallId) => extensions.settledTools.get(stepId, toolCallId),
      isGenerating: transcript.generating && isLive,
      working: isLive ? extensions.workingTools : NO_TOOLS,
    });
    this.#forget();
    const anchor = this.#anchor(state);
    render(this.#template(state, isLive), this.element);
    anchor();
  }

  #template(state: ChatState, isLive: boolean): TemplateResult {
    const { transcript } = state.live;
    const isAtRest = state.status === "idle" && state.pending.length === 0;
    const isIdle = isLive && isAtRest && !transcript.generating;
    const last = this.#sections.length - 1;
    return html`${this.#earlier(state)}
      ${last < 0 ? empty(state) : nothing}
      ${repeat(
        this.#sections,
        ({ key }) => key,
        (section, index) => {
          const again = isIdle && index === last ? this.#again() : null;
          const isPast = index < last - 1;
          const facts = state.facts.get(section.key);
          const isStopped = wasStopped(section, state.stops);
          return guard(
            [
              ...[...identity(section), isPast, again !== null, this.#foldsOf(section)],
              ...[facts, isStopped, isLive],
            ],
            () => {
              const about = isLive ? { facts, isStopped } : { facts: null, isStopped };
              return sectionTemplate(section, { isPast, ...about }, this.#context(again, isLive));
            },
          );
        },
      )}
      ${isLive ? activity(state, this.#sections, this.#countdown) : nothing}`;
  }

  #context(again: Again | null, isLive: boolean): EntryContext {
    return {
      folds: this.#folds,
      again,
      ask: isLive ? ({ key, last }) => this.#store.about(key, last) : null,
      textNode: (key, text, isStreaming) => {
        const view = this.#texts.get(key) ?? new MarkdownView(this.#formulas);
        this.#texts.set(key, view);
        view.update(text, !isStreaming);
        return view.element;
      },
      callNodes: (key, index, { call, state }) => {
        const all = this.#calls.get(key) ?? [];
        this.#calls.set(key, all);
        all[index] ??= new CallNodes();
        const nodes = all[index];
        if (state === "writing" || state === "running") this.#atWork.set(call.toolCallId, nodes);
        return nodes;
      },
      imageNode: (key, url) => this.#imageNode(key, url),
      copyNode: ({ key, role }) => {
        const label = role === "user" ? "Copy message" : "Copy answer";
        return kept(this.#copies, key, () => copyButton(label, () => this.#answerText(key)));
      },
    };
  }

  readonly #folds: Folds = {
    get: (name) => this.#openFolds.get(name),
    set: (name, isOpen) => {
      this.#openFolds.set(name, isOpen);
      this.#store.folds.set(name, isOpen);
      this.#foldsChanged += 1;
      this.#redraw();
    },
  };

  /** Return what is folded in a section, so that only that section is drawn again. */
  #foldsOf(section: Section): string {
    const first = section.key;
    const last = section.entries.at(-1)?.key ?? first;
    const own = [...this.#openFolds].filter(([name]) => {
      const key = Number.parseInt(name, 10);
      return key >= first && key <= last;
    });
    return own.map(([name, isOpen]) => `${name}=${isOpen}`).join();
  }

  /** Return the nodes of what stands between two places of the log, both included. */
  nodesOf(first: number, last: number): HTMLElement[] {
    const keys = keysBetween(this.#sections, first, last).map((key) => `[data-key="${key}"]`);
    return keys.length === 0 ? [] : [...this.element.querySelectorAll<HTMLElement>(keys.join())];
  }

  /** Return the node of an image: the same one when what was sent comes back stored. */
  #imageNode(key: number, url: string): HTMLElement {
    const known = this.#images.get(key);
    const isSame = known?.url === url || (isStored(url) && known?.url.startsWith("data:"));
    const node = known && isSame ? known.node : messageImage(url, this.#store.images);
    this.#images.set(key, { url, node });
    return node;
  }

  #answerText(key: number): string {
    const section = this.#sections.find((each) => each.key === key);
    const texts = (section?.entries ?? []).filter((entry) => entry.kind === "text");
    return texts.map((entry) => (entry.kind === "text" ? entry.text : "")).join("\n\n");
  }

  /** Return what can be done with the last prompt, if the log ends with an error. */
  #again(): Again | null {
    if (this.#sections.at(-1)?.entries.at(-1)?.kind !== "error") return null;
    const prompt = this.#sections.filter(({ role }) => role === "user").at(-1)?.entries ?? [];
    const text = prompt.find((entry) => entry.kind === "text");
    if (text?.kind !== "text") return null;
    const images = prompt.flatMap((entry) => (entry.kind === "image" ? [entry.url] : []));
    return {
      send: () => this.#store.send(text.text, images),
      edit: () => {
        this.#store.recall(text.text, images);
        this.#onEdit();
      },
    };
  }

  #earlier(state: ChatState): TemplateResult | typeof nothing {
    const oldest = state.live.transcript.committed.at(0)?.seq ?? 1;
    if (oldest <= 1) return nothing;
    if (state.connection !== "live") {
      return html`<div class="dnb-note">Earlier messages are in the store.</div>`;
    }
    return html`<div class="dnb-earlier">
      <button type="button" class="dnb-quiet" ?disabled=${state.isLoadingOlder}
        @click=${() => this.#store.older()}>
        ${state.isLoadingOlder ? "Loading earlier messages" : "Show earlier messages"}
      </button>
    </div>`;
  }

  /** Older chunks above must not move what the reader looks at: return what makes up for them. */
  #anchor(state: ChatState): () => void {
    const scroller = this.element.parentElement;
    const first = this.element.querySelector<HTMLElement>(".dnb-section");
    const oldest = state.live.transcript.committed.at(0)?.seq ?? 0;
    const isOlder = this.#oldest > 1 && oldest < this.#oldest;
    this.#oldest = oldest;
    if (!scroller || !first || !isOlder) return () => {};
    const before = first.getBoundingClientRect().top;
    return () => {
      scroller.scrollTop += first.getBoundingClientRect().top - before;
    };
  }
  #oldest = 0;

  /** Drop the nodes of entries that are gone. */
  #forget(): void {
    const keys = new Set(
      this.#sections.flatMap(({ key, entries }) => [key, ...entries.map(keyOf)]),
    );
    for (const nodes of [this.#texts, this.#calls, this.#images, this.#copies]) {
      for (const key of nodes.keys()) if (!keys.has(key)) nodes.delete(key);
    }
    for (const id of this.#atWork.keys()) if (!this.#working.has(id)) this.#atWork.delete(id);
  }
}

function keyOf({ key }: Entry): number {
  return key;
}

function kept(nodes: Map<number, HTMLElement>, key: number, make: () => HTMLElement): HTMLElement {
  const node = nodes.get(key) ?? make();
  nodes.set(key, node);
  return node;
}

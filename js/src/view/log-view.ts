/**
 * The log: sections of chunks. A delta of the text that is being written touches that text's
 * last block and nothing else; everything else is drawn again only when it changed.
 */
import { html, nothing, render, type TemplateResult } from "lit-html";
import { guard } from "lit-html/directives/guard.js";
import { repeat } from "lit-html/directives/repeat.js";
import { type ChatState, type ChatStore, isOnline } from "../chat-state";
import { selectChunks } from "../transcript/selectors";
import { NO_TOOLS } from "../transcript/working";
import { activity, empty, RetryCountdown } from "./activity";
import { identity, shapeOf, wasStopped } from "./drawn-parts";
import { type Again, type EntryContext, sectionTemplate, unseenSection } from "./entries";
import type { Folds } from "./folded";
import { LogNodes } from "./log-nodes";
import { formulaSetter } from "./markdown/set-formula";
import { keepingPlace, nearby } from "./nearby";
import { keysBetween, type Section, selectSections, streamingEntry } from "./sections";

/**
 * Sections at the end that are drawn at once; those before when the reader comes near, where
 * anything tells of that.
 */
const NEWEST = typeof ResizeObserver === "undefined" ? Number.POSITIVE_INFINITY : 6;
const NEAR_PX = 700;
/** What is drawn may be lower than it seemed, and let more come near. */
const ROUNDS = 4;

/** The scrolling part of one view. */
export class LogView {
  readonly element = document.createElement("div");
  readonly #store: ChatStore;
  readonly #redraw: () => void;
  readonly #onEdit: () => void;
  readonly #kept: LogNodes;
  readonly #openFolds: Map<string, boolean>;
  readonly #countdown: RetryCountdown;
  #foldsChanged = 0;
  #sections: readonly Section[] = [];
  /** The sections that are drawn; the others are plain text as long as nobody comes near. */
  readonly #seen = new Set<number>();
  #unseen = 0;
  #oldest = 0;
  #nodes: readonly Element[] = [];
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
    this.#kept = new LogNodes(formulaSetter(store.formulas), store.images);
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
      if (accumulating && last) this.#kept.growText(last.key, accumulating.text);
      this.#kept.growCalls(extensions.workingTools);
      return;
    }
    this.#drawn = structure;
    this.#drawAll(state);
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
    const oldest = transcript.committed.at(0)?.seq ?? 0;
    const isOlder = this.#oldest > 1 && oldest < this.#oldest;
    this.#oldest = oldest;
    this.#see(this.#sections.slice(-NEWEST));
    this.#kept.forget(this.#sections, extensions.workingTools);
    const keys = new Set(this.#sections.map(({ key }) => key));
    for (const key of this.#seen) if (!keys.has(key)) this.#seen.delete(key);
    // Older chunks above must not move what the reader looks at.
    this.#render(state, isOlder);
  }

  #render(state: ChatState, isKeepingPlace: boolean): void {
    const draw = () => render(this.#template(state, isOnline(state)), this.element);
    const scroller = this.element.parentElement;
    if (scroller && isKeepingPlace) keepingPlace(this.#nodes, scroller, draw);
    else draw();
    this.#unseen = this.#sections.filter(({ key }) => !this.#seen.has(key)).length;
    this.#nodes = [...this.element.querySelectorAll(":scope > .dnb-section")];
  }

  /** Draw what has come near to what the reader sees; return whether anything had. */
  reveal(): boolean {
    const scroller = this.element.parentElement;
    let isAny = false;
    for (let round = 0; round < ROUNDS && this.#unseen > 0 && scroller?.clientHeight; round += 1) {
      const { start, stop } = nearby(this.#nodes, scroller, NEAR_PX);
      if (!this.#see(this.#sections.slice(start, stop))) return isAny;
      this.#render(this.#store.state(), true);
      isAny = true;
    }
    return isAny;
  }

  /** Let sections be drawn from now on; return whether any was not. */
  #see(sections: readonly Section[]): boolean {
    const unseen = sections.filter(({ key }) => !this.#seen.has(key));
    for (const { key } of unseen) this.#seen.add(key);
    return unseen.length > 0;
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
          if (!this.#seen.has(section.key)) {
            return guard([section.key, section.last], () => unseenSection(section));
          }
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
      ...this.#kept.nodes,
      copyNode: ({ key, role }) => {
        const label = role === "user" ? "Copy message" : "Copy answer";
        return this.#kept.copy(key, label, () => this.#answerText(key));
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
    const places = keysBetween(this.#sections, first, last);
    const within = this.#sections.filter((section) =>
      places.some((place) => place >= section.key && place <= section.last),
    );
    if (this.#see(within)) this.#render(this.#store.state(), true);
    const keys = places.map((key) => `[data-key="${key}"]`);
    return keys.length === 0 ? [] : [...this.element.querySelectorAll<HTMLElement>(keys.join())];
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
}

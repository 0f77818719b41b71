/** One view of a conversation: header, log, composer, drawn at most once per animation frame. */
import { html, nothing, render, type TemplateResult } from "lit-html";
import type { ChatStore } from "../chat-state";
import { Announcer } from "./announcer";
import { Composer } from "./composer";
import { FollowEnd } from "./follow";
import { GoTo } from "./go-to";
import { HeaderView } from "./header";
import { icons } from "./icons";
import { keepFocus } from "./keep-focus";
import { LogView } from "./log-view";
import { QueueView } from "./queue-view";

/** Nearer to the top than this, the page before is asked for. */
const NEAR_TOP_PX = 400;

/** Draw `store` into `element` until the returned function is called. */
export function mountChat(element: HTMLElement, store: ChatStore): () => void {
  const view = new ChatView(store);
  element.append(view.root);
  view.start();
  return () => view.close();
}

class ChatView {
  readonly root = document.createElement("div");
  readonly #scroller = document.createElement("div");
  readonly #jump = document.createElement("div");
  readonly #announcer = new Announcer();
  readonly #store: ChatStore;
  readonly #header: HeaderView;
  readonly #log: LogView;
  readonly #queue: QueueView;
  readonly #composer: Composer;
  readonly #follow: FollowEnd;
  readonly #goTo: GoTo;
  readonly #unsubscribe: () => void;
  #frame = 0;

  constructor(store: ChatStore) {
    this.#store = store;
    this.#header = new HeaderView(store, () => this.#schedule());
    this.#composer = new Composer(store, () => this.#follow.follow());
    this.#log = new LogView(
      store,
      () => this.#schedule(),
      () => this.#composer.focus(),
    );
    this.#queue = new QueueView(store, () => this.#composer.focus());
    const changed = () => {
      store.read(this, this.#follow.isFollowing);
      this.#schedule();
    };
    this.#follow = new FollowEnd(this.#scroller, this.#log.element, changed, () => this.#reveal());
    this.#goTo = new GoTo(this.root, this.#scroller, store, this.#follow, this.#log);
    this.#scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#build();
    this.#unsubscribe = store.subscribe(() => this.#schedule());
  }

  /** Draw at once: an empty frame would be seen. */
  start(): void {
    this.#draw();
    this.#composer.fit();
  }

  close(): void {
    cancelAnimationFrame(this.#frame);
    this.#unsubscribe();
    this.#store.read(this, true);
    this.#follow.close();
    this.#goTo.close();
    this.root.remove();
  }

  #build(): void {
    this.root.className = "dnb-chat";
    // The notebook's own keys and menu would act on the cell while the person writes here.
    this.root.setAttribute("data-lm-suppress-shortcuts", "true");
    this.root.setAttribute("data-jp-suppress-context-menu", "");
    this.root.classList.add("lm-suppress-shortcuts");
    for (const name of ["keydown", "keypress", "keyup"]) {
      this.root.addEventListener(name, (event) => event.stopPropagation());
    }
    this.#scroller.className = "dnb-log";
    this.#scroller.tabIndex = 0;
    this.#scroller.setAttribute("role", "log");
    this.#scroller.setAttribute("aria-label", "Conversation");
    // A log announces every token by default: the status region says what matters instead.
    this.#scroller.setAttribute("aria-live", "off");
    this.#scroller.append(this.#log.element);
    this.#jump.className = "dnb-jump";
    const middle = document.createElement("div");
    middle.className = "dnb-middle";
    middle.append(this.#scroller, this.#jump);
    this.root.append(this.#header.element, middle, this.#queue.element);
    this.root.append(this.#composer.element, this.#announcer.element);
  }

  #schedule(): void {
    if (this.#frame === 0) this.#frame = requestAnimationFrame(() => this.#draw());
  }

  #draw(): void {
    this.#frame = 0;
    const state = this.#store.state();
    const keep = keepFocus(this.root, (lost) => this.#instead(lost));
    mark(this.root, "data-status", state.status);
    mark(this.root, "data-connection", state.connection);
    mark(this.root, "data-conversation", state.conversationId);
    this.#header.update(state);
    this.#log.update(state);
    mark(this.#scroller, "aria-busy", String(state.live.transcript.generating));
    this.#follow.settle();
    this.#reveal();
    render(this.#jumpTemplate(), this.#jump);
    this.#queue.update(state);
    this.#composer.update(state);
    this.#announcer.update(state);
    this.#goTo.settle(state);
    keep();
    this.#store.painted();
  }

  /** Return what has the focus next when `lost` goes: who reads stays there, who acts may write. */
  #instead(lost: Element): HTMLElement {
    const isAsked = lost.closest(".dnb-error") !== null;
    const isReading = this.#scroller.contains(lost) || this.#jump.contains(lost);
    return isReading && !isAsked ? this.#scroller : (this.#composer.input ?? this.#scroller);
  }

  /** Draw what comes near to sight; what it turns out to need of place moves nothing. */
  #reveal(): void {
    if (this.#log.reveal()) this.#follow.settle();
  }

  /** Ask for the page before the oldest chunk while the reader comes near to it. */
  #scrolled(): void {
    this.#reveal();
    if (!this.#follow.isFollowing && this.#scroller.scrollTop < NEAR_TOP_PX) this.#store.older();
  }

  #jumpTemplate(): TemplateResult | typeof nothing {
    if (this.#follow.isFollowing) return nothing;
    return html`<button type="button" class="dnb-jump-button" @click=${() => this.#follow.follow()}>
      <span .innerHTML=${icons.down}></span>Jump to latest
    </button>`;
  }
}

/** Set an attribute that has changed: writing the same one again is a mutation all the same. */
function mark(element: HTMLElement, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

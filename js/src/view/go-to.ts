/**
 * Going to a place in the log, however far back: what leads there is loaded, then the place is
 * scrolled to, marked and focused. Another widget on the page asks for it with an event, because
 * it shares no code with this one.
 */
import type { ChatState, ChatStore } from "../chat-state";
import { oldestLoaded } from "../transcript/trimming";
import type { FollowEnd } from "./follow";
import type { LogView } from "./log-view";

/** The event that asks the view it is dispatched on; its `detail` is a `Place`. */
export const GO_TO = "dnb-go-to";

/** The chunks `first` … `last`, by their seq. */
export interface Place {
  readonly first: number;
  readonly last: number;
}

/** How long the place is marked. */
const MARKED_MS = 4000;
/** Drawings after which a place stands still: what is far above gets its height when it is seen. */
const SETTLING_FRAMES = 12;

/** What one view needs to go to places. */
export class GoTo {
  readonly #root: HTMLElement;
  readonly #scroller: HTMLElement;
  readonly #store: ChatStore;
  readonly #follow: FollowEnd;
  readonly #log: LogView;
  #place: Place | null = null;
  /** The oldest chunk when more was last asked for. */
  #askedAt: number | null = null;
  #frame = 0;
  #unmark = () => {};

  constructor(
    root: HTMLElement,
    scroller: HTMLElement,
    store: ChatStore,
    follow: FollowEnd,
    log: LogView,
  ) {
    this.#root = root;
    this.#scroller = scroller;
    this.#store = store;
    this.#follow = follow;
    this.#log = log;
    root.addEventListener(GO_TO, this.#asked);
  }

  /** Go on towards the place, now that `state` is drawn. */
  settle(state: ChatState): void {
    if (this.#place === null || state.isLoadingOlder || state.connection === "waiting") return;
    const oldest = oldestLoaded(state.live.transcript);
    const isMissing = oldest > Math.max(this.#place.first, 1);
    if (isMissing && state.connection === "live" && oldest !== this.#askedAt) {
      this.#askedAt = oldest;
      this.#store.older(this.#place.first);
      return;
    }
    this.#show(this.#place);
    this.#place = null;
  }

  close(): void {
    this.#root.removeEventListener(GO_TO, this.#asked);
    cancelAnimationFrame(this.#frame);
    this.#unmark();
  }

  readonly #asked = (event: Event): void => {
    this.#place = (event as CustomEvent<Place>).detail;
    this.#askedAt = null;
    // What is loaded on the way there must stay.
    this.#follow.release();
    this.settle(this.#store.state());
  };

  #show({ first, last }: Place): void {
    const nodes = this.#log.nodesOf(first, last);
    const head = nodes[0];
    if (head === undefined) return;
    this.#mark(nodes);
    head.tabIndex = -1;
    head.focus({ preventScroll: true });
    cancelAnimationFrame(this.#frame);
    this.#scroll(head, SETTLING_FRAMES);
  }

  #scroll(head: HTMLElement, frames: number): void {
    const room = this.#scroller.clientHeight / 6;
    const top = head.getBoundingClientRect().top - this.#scroller.getBoundingClientRect().top;
    if (Math.abs(top - room) > 1) this.#scroller.scrollTop += top - room;
    // The page too: at once, and when the log has come to rest.
    if (frames % SETTLING_FRAMES === 0) head.scrollIntoView?.({ block: "nearest" });
    if (frames > 0) this.#frame = requestAnimationFrame(() => this.#scroll(head, frames - 1));
  }

  #mark(nodes: readonly HTMLElement[]): void {
    this.#unmark();
    for (const node of nodes) node.setAttribute("data-found", "");
    const timer = setTimeout(() => this.#unmark(), MARKED_MS);
    this.#unmark = () => {
      clearTimeout(timer);
      for (const node of nodes) node.removeAttribute("data-found");
    };
  }
}

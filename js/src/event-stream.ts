/**
 * The kernel's numbered events: which come next, what is missing, and what was painted.
 *
 * Nothing here knows what an event means; `isComplete` tells whether all that the kernel says
 * of itself elsewhere agrees with what has come.
 */
import { Timers } from "./timers";
import type { EventsMessage, KernelMessage, LiveEvent } from "./wire/types";

/** How long an answer to a resync may take before it is asked for again; doubled each time. */
const RESYNC_MS = 250;
const SLOWEST_RESYNC_MS = 4000;
/** Shortest time between two acknowledgements: each costs the kernel more than an event does. */
const ACK_MS = 250;
/** How long traits and events may disagree: they are separate messages. */
const AGREE_MS = 700;

export class EventStream {
  #next: number | null = null;
  #painted = 0;
  #acked = 0;
  readonly #timers = new Timers();
  readonly #send: (message: KernelMessage) => boolean;
  readonly #isComplete: () => boolean;

  constructor(send: (message: KernelMessage) => boolean, isComplete: () => boolean) {
    this.#send = send;
    this.#isComplete = isComplete;
  }

  /** Whether a snapshot has come: events go on from there. */
  get hasBegun(): boolean {
    return this.#next !== null;
  }

  /** Go on from a snapshot. */
  begin(next: number): void {
    this.#timers.cancel("resync");
    this.#next = next;
    // The kernel counts every snapshot as unpainted, also one that changes nothing.
    this.#acked = 0;
  }

  /** Return the events that come next; null when some are missing, which are asked for. */
  take({ from, upto, events }: EventsMessage): readonly LiveEvent[] | null {
    if (this.#next === null) return null;
    if (upto < this.#next) {
      // Known already: the kernel asks whether it was painted.
      this.#acked = 0;
      return [];
    }
    if (from !== this.#next || events.length === 0) {
      this.resync();
      return null;
    }
    this.#timers.cancel("resync");
    this.#next = upto + 1;
    return events;
  }

  /** Ask for what is missing, again and again until it comes. */
  resync(wait = RESYNC_MS): void {
    if (this.#next === null || this.#timers.has("resync")) return;
    this.#send({ type: "resync", from: this.#next });
    const longer = Math.min(2 * wait, SLOWEST_RESYNC_MS);
    this.#timers.after("resync", wait, () => this.resync(longer));
  }

  /** Note that everything so far is on screen. */
  painted(): void {
    if (this.#next === null) return;
    this.#painted = this.#next - 1;
    if (!this.#timers.has("ack")) this.#acknowledge();
  }

  /** Say again what was acknowledged; false if there is nobody to hear it. */
  isHeard(): boolean {
    return this.#send({ type: "ack", upto: this.#acked });
  }

  /** A lost last message leaves no gap behind it: only the traits tell that something is missing. */
  watchTheEnd(): void {
    this.#timers.cancel("end");
    if (this.#next !== null && !this.#isComplete()) {
      this.#timers.after("end", AGREE_MS, () => {
        if (!this.#isComplete()) this.resync();
      });
    }
  }

  close(): void {
    this.#timers.close();
  }

  #acknowledge(): void {
    if (this.#painted <= this.#acked) return;
    this.#acked = this.#painted;
    this.isHeard();
    this.#timers.after("ack", ACK_MS, () => this.#acknowledge());
  }
}

/** Whether there is a kernel: one that never answers, and one that was there and is no more. */
import { Timers } from "./timers";

const READY_MS = 2000;
/** How long a kernel may be silent during a turn before it is looked after. */
const QUIET_MS = 3000;

/** What has to be known of a kernel to tell whether it is there. */
export interface Kernel {
  /** Whether it has ever said anything, and says that a turn runs. */
  isBusy(): boolean;
  /** Whether a turn runs and its events are shown. */
  isStreaming(): boolean;
  /** Say something; false if there is nobody to hear it. */
  isHeard(): boolean;
  /** It never answered. */
  absent(): void;
  /** It is no more. */
  lost(): void;
}

export class Presence {
  readonly #timers = new Timers();
  readonly #kernel: Kernel;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Wait for the answer to the first question. */
  await(): void {
    this.#timers.after("ready", READY_MS, () => {
      // One that runs a turn and cannot hear this page is busy with a cell.
      if (this.#kernel.isBusy()) this.await();
      else this.#kernel.absent();
    });
  }

  answered(): void {
    this.#timers.cancel("ready");
  }

  /** While a turn runs, look now and then whether there still is a kernel: a dead one is silent. */
  watch(): void {
    this.#timers.cancel("quiet");
    if (!this.#kernel.isStreaming()) return;
    this.#timers.after("quiet", QUIET_MS, () => {
      if (this.isThere()) this.watch();
    });
  }

  /** Tell whether the kernel hears; one that does not is lost. */
  isThere(): boolean {
    const isThere = this.#kernel.isHeard();
    if (!isThere) this.#kernel.lost();
    return isThere;
  }

  close(): void {
    this.#timers.close();
  }
}

/** Following the end of a growing log, as a state that only the reader changes. */

// Closer to the end than this counts as at the end: sub-pixel heights and a last margin.
const NEAR_PX = 32;

/** Keeps `scroller` at its end while the reader wants that, and leaves it alone otherwise. */
export class FollowEnd {
  #isFollowing = true;
  #lastTop = 0;
  #isShown = true;
  readonly #scroller: HTMLElement;
  readonly #onChange: () => void;
  readonly #observer: ResizeObserver | null;

  /** `onChange` is called when the reader leaves the end or comes to it, `onResize` after a resize. */
  constructor(
    scroller: HTMLElement,
    content: HTMLElement,
    onChange: () => void,
    onResize: () => void = () => {},
  ) {
    this.#scroller = scroller;
    this.#onChange = onChange;
    scroller.addEventListener("scroll", this.#scrolled, { passive: true });
    // Heights change without any message too: a fold, a narrower window, a loaded image.
    this.#observer =
      typeof ResizeObserver === "undefined"
        ? null
        : new ResizeObserver(() => {
            this.#resized();
            onResize();
          });
    this.#observer?.observe(content);
    this.#observer?.observe(scroller);
  }

  get isFollowing(): boolean {
    return this.#isFollowing;
  }

  /** Go to the end and stay there. */
  follow(): void {
    this.#change(true);
    this.settle();
  }

  /** Stay where the reader goes from now on. */
  release(): void {
    this.#change(false);
  }

  /** Go to the end if the reader follows it. */
  settle(): void {
    if (!this.#isFollowing) return;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#lastTop = this.#scroller.scrollTop;
  }

  close(): void {
    this.#observer?.disconnect();
    this.#scroller.removeEventListener("scroll", this.#scrolled);
  }

  #resized(): void {
    const wasShown = this.#isShown;
    this.#isShown = this.#scroller.clientHeight > 0;
    // What was taken off the page and put back has forgotten where it was scrolled to.
    if (!wasShown && this.#isShown && !this.#isFollowing) this.#scroller.scrollTop = this.#lastTop;
    this.settle();
  }

  readonly #scrolled = (): void => {
    if (!this.#isShown) return;
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    // Growth alone leaves the end behind too: only a move upwards is the reader's wish.
    if (scrollHeight - scrollTop - clientHeight <= NEAR_PX) this.#change(true);
    else if (scrollTop < this.#lastTop - 1) this.#change(false);
    this.#lastTop = scrollTop;
  };

  #change(isFollowing: boolean): void {
    if (isFollowing === this.#isFollowing) return;
    this.#isFollowing = isFollowing;
    this.#onChange();
  }
}

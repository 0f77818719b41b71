/**
 * The images that are stored with a conversation: chunks name them, the kernel has them, and a
 * notebook keeps the newest. Each is asked for when it is first shown, and once.
 */
import type { ImageMessage, SavedImage } from "./wire/types";

/** Shows an image's data: URL, or that there is none (null). */
export type ShowImage = (data: string | null) => void;

/** What the address of a stored image begins with. */
const REFERENCE = "images/";

/** Return whether an address names a stored image. */
export function isStored(url: string): boolean {
  return url.startsWith(REFERENCE);
}

/** The stored images, as one chat sees them. */
export class StoredImages {
  readonly #ask: (url: string) => void;
  readonly #known = new Map<string, string | null>();
  readonly #waiting = new Map<string, Set<ShowImage>>();

  /** `ask` asks the kernel for an image. */
  constructor(ask: (url: string) => void) {
    this.#ask = ask;
  }

  /** Call `show` when it is known what `url` names: at once, if it is. */
  load(url: string, show: ShowImage): void {
    const known = this.#known.get(url);
    if (known !== undefined) {
      show(known);
      return;
    }
    const waiting = this.#waiting.get(url);
    if (waiting) waiting.add(show);
    else {
      this.#waiting.set(url, new Set([show]));
      this.#ask(url);
    }
  }

  /** Take what the kernel says. */
  take({ url, data }: ImageMessage): void {
    this.#settle(url, data ?? null);
  }

  /** Take what the notebook kept. */
  keep(images: readonly SavedImage[]): void {
    for (const { url, data } of images) this.#settle(url, data);
  }

  /** Ask again for what did not come: there was no kernel, or another one. */
  again(): void {
    for (const url of this.#waiting.keys()) this.#ask(url);
  }

  #settle(url: string, data: string | null): void {
    this.#known.set(url, data);
    const waiting = this.#waiting.get(url) ?? [];
    this.#waiting.delete(url);
    for (const show of waiting) show(data);
  }
}

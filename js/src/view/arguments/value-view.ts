/** One argument's text: a window that follows its end while it grows, folded lines after. */
import { foldedLines } from "../folded";

// A window holds this much at most: to lay out a text costs what it holds.
const MOST_CHARACTERS = 12_000;
const KEPT_CHARACTERS = 8_000;
const NEAR_PX = 8;

/** What of a value the person folds, and how. */
export interface Fold {
  readonly isOpen: boolean;
  readonly toggle: () => void;
}

export class ValueView {
  readonly element = document.createElement("div");
  readonly #box = document.createElement("pre");
  readonly #node = document.createTextNode("");
  #button: HTMLButtonElement | null = null;
  #toggle: () => void = () => {};
  #length = 0;
  #isGrowing = false;
  #isAtEnd = true;

  constructor(label: string) {
    this.element.className = "dnb-folded";
    this.#box.className = "dnb-plain";
    this.#box.tabIndex = 0;
    this.#box.setAttribute("role", "group");
    this.#box.setAttribute("aria-label", label);
    this.#box.append(this.#node);
    this.element.append(this.#box);
  }

  /** Show a text of which more may follow; it has only grown. */
  grow(text: string): void {
    if (text.length === this.#length && this.#isGrowing) return;
    if (!this.#isGrowing) this.#begin();
    this.#node.appendData(text.slice(this.#length));
    this.#length = text.length;
    if (!this.#isAtEnd) return;
    if (this.#node.length > MOST_CHARACTERS) {
      const line = this.#node.data.indexOf("\n", this.#node.length - KEPT_CHARACTERS);
      this.#node.deleteData(0, line < 0 ? this.#node.length - KEPT_CHARACTERS : line + 1);
    }
    this.#box.scrollTop = this.#box.scrollHeight;
  }

  /** Show all there will ever be of a text, a long one folded. */
  rest(text: string, { isOpen, toggle }: Fold): void {
    const { shown, isLong, word } = foldedLines(text, isOpen);
    if (this.#isGrowing) this.#end();
    if (this.#node.data !== shown) this.#node.data = shown;
    this.#toggle = toggle;
    this.element.toggleAttribute("data-cut", isLong && !isOpen);
    if (isLong) this.#mark(word, isOpen);
    else this.#button?.remove();
  }

  #mark(word: string, isOpen: boolean): void {
    if (!this.#button) {
      this.#button = document.createElement("button");
      this.#button.type = "button";
      this.#button.className = "dnb-quiet dnb-more";
      this.#button.addEventListener("click", () => this.#toggle());
      this.element.append(this.#button);
    }
    this.#button.textContent = word;
    this.#button.setAttribute("aria-expanded", String(isOpen));
  }

  #begin(): void {
    this.#isGrowing = true;
    this.#isAtEnd = true;
    this.#length = 0;
    this.#node.data = "";
    this.#button?.remove();
    this.#button = null;
    this.element.removeAttribute("data-cut");
    this.element.setAttribute("data-growing", "");
    this.#box.addEventListener("scroll", this.#scrolled, { passive: true });
  }

  #end(): void {
    this.#isGrowing = false;
    this.element.removeAttribute("data-growing");
    this.#box.removeEventListener("scroll", this.#scrolled);
    this.#box.scrollTop = 0;
  }

  readonly #scrolled = (): void => {
    const { scrollTop, scrollHeight, clientHeight } = this.#box;
    this.#isAtEnd = scrollHeight - scrollTop - clientHeight <= NEAR_PX;
  };
}

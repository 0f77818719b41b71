/**
 * Where the typesetter of formulas comes from: a second file of the package, asked for when the
 * first formula is met. One page loads it once, however many chats it shows.
 */
import { Timers } from "./timers";

/** Return MathML for TeX; throws where the source is not TeX. */
export type Typeset = (source: string, isDisplay: boolean) => string;

/** What the page shares between chats, each of which brings a module of its own. */
interface Shared {
  typeset: Typeset | null;
  readonly waiting: Set<() => void>;
}

const KEY = Symbol.for("dispatch_nb.formulas.1");
const AGAIN_MS = 5_000;

/** The typesetter, as one chat sees it. */
export class Formulas {
  readonly #ask: () => boolean;
  readonly #timers = new Timers();
  readonly #shared = shared();
  readonly #told = new Set<() => void>();
  readonly #tell = () => {
    this.#timers.close();
    for (const listener of this.#told) listener();
    this.#told.clear();
  };

  /** `ask` asks the kernel for the file; false if there is none to ask. */
  constructor(ask: () => boolean) {
    this.#ask = ask;
  }

  /** The typesetter; null while it is not here. */
  get typeset(): Typeset | null {
    return this.#shared.typeset;
  }

  /** Call `listener` once when the typesetter is here, and see to it that it comes. */
  whenReady(listener: () => void): void {
    this.#told.add(listener);
    this.#shared.waiting.add(this.#tell);
    if (!this.#timers.has("ask")) this.#request();
  }

  /** Take the file that was asked for. */
  async load(text: string): Promise<void> {
    if (this.#shared.typeset) return;
    const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    try {
      const module = (await import(address)) as { typeset: Typeset };
      this.provide(module.typeset);
    } finally {
      URL.revokeObjectURL(address);
    }
  }

  /** Take a typesetter that is here already. */
  provide(typeset: Typeset): void {
    this.#shared.typeset ??= typeset;
    for (const tell of [...this.#shared.waiting]) tell();
    this.#shared.waiting.clear();
  }

  close(): void {
    this.#timers.close();
    this.#shared.waiting.delete(this.#tell);
  }

  #request(): void {
    this.#ask();
    // A message may be lost, and a kernel may come back: ask until the file is here.
    this.#timers.after("ask", AGAIN_MS, () => {
      if (!this.typeset && this.#told.size > 0) this.#request();
    });
  }
}

function shared(): Shared {
  const page = globalThis as unknown as Record<symbol, Shared | undefined>;
  page[KEY] ??= { typeset: null, waiting: new Set() };
  return page[KEY];
}

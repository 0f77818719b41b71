/** A page for tests: a chat over a fake kernel, drawn as a host draws it. */
import { vi } from "vitest";
import define from "../widget";
import { FakeKernel } from "./kernel";

type Props = Parameters<ReturnType<typeof define>["render"]>[0];

/** One chat in the page; animation frames pass by fake timers. */
export class ChatPage {
  readonly kernel: FakeKernel;
  readonly root: HTMLElement;
  readonly #definition = define();
  readonly #cleanups: (() => void)[] = [];

  constructor(traits: Record<string, unknown> = {}) {
    this.kernel = new FakeKernel(traits);
    // A host wraps the model anew for each call.
    const model = this.kernel.proxy();
    this.#cleanups.push(this.#definition.initialize({ model } as unknown as Props));
    this.root = this.show();
  }

  /** Open a chat whose kernel answered, with a turn that has begun. */
  static async running(prompt = "question"): Promise<ChatPage> {
    const page = new ChatPage({ status: "running" });
    page.kernel.snapshot();
    page.kernel.events({ type: "user-message", text: prompt }, { type: "turn-start" });
    await page.frame();
    return page;
  }

  /** Add one more view of the chat. */
  show(): HTMLElement {
    const el = document.body.appendChild(document.createElement("div"));
    const model = this.kernel.proxy();
    this.#cleanups.push(this.#definition.render({ model, el } as unknown as Props));
    return el.querySelector(".dnb-chat") as HTMLElement;
  }

  close(): void {
    for (const cleanup of this.#cleanups.splice(0).reverse()) cleanup();
    document.body.replaceChildren();
  }

  async frame(): Promise<void> {
    await vi.advanceTimersByTimeAsync(20);
  }

  find<T extends Element = HTMLElement>(selector: string): T {
    const found = this.root.querySelector<T>(selector);
    if (!found) throw new Error(`${selector} is not shown`);
    return found;
  }

  press(init: KeyboardEventInit): KeyboardEvent {
    const event = new KeyboardEvent("keydown", { bubbles: true, cancelable: true, ...init });
    this.find("textarea").dispatchEvent(event);
    return event;
  }

  type(text: string): void {
    const input = this.find<HTMLTextAreaElement>("textarea.dnb-input");
    input.value = text;
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

/** The nodes of a log that outlive its drawings: they are made once, and some of them grow. */
import { isStored, type StoredImages } from "../stored-images";
import { NO_TOOLS, type WorkingTools } from "../transcript/working";
import { copyButton } from "./copy";
import { type EntryContext, messageImage } from "./entries";
import type { FormulaSetter } from "./markdown/controls";
import { MarkdownView } from "./markdown/markdown-view";
import type { Section } from "./sections";
import { CallNodes } from "./tool-card";

export class LogNodes {
  readonly #formulas: FormulaSetter;
  readonly #stored: StoredImages;
  readonly #texts = new Map<number, MarkdownView>();
  readonly #calls = new Map<number, CallNodes[]>();
  readonly #images = new Map<number, { url: string; node: HTMLElement }>();
  readonly #copies = new Map<number, HTMLElement>();
  /** The cards of calls at work by the calls' ids, and what was shown of them. */
  readonly #atWork = new Map<string, CallNodes>();
  #working: WorkingTools = NO_TOOLS;

  constructor(formulas: FormulaSetter, stored: StoredImages) {
    this.#formulas = formulas;
    this.#stored = stored;
  }

  readonly nodes: Pick<EntryContext, "textNode" | "callNodes" | "imageNode"> = {
    textNode: (key, text, isStreaming) => {
      const view = kept(this.#texts, key, () => new MarkdownView(this.#formulas));
      view.update(text, !isStreaming);
      return view.element;
    },
    callNodes: (key, index, { call, state }) => {
      const all = kept(this.#calls, key, () => []);
      all[index] ??= new CallNodes();
      const nodes = all[index];
      if (state === "writing" || state === "running") this.#atWork.set(call.toolCallId, nodes);
      return nodes;
    },
    imageNode: (key, url) => this.#imageNode(key, url),
  };

  /** Return the node of an image: the same one when what was sent comes back stored. */
  #imageNode(key: number, url: string): HTMLElement {
    const known = this.#images.get(key);
    const isSame = known?.url === url || (isStored(url) && known?.url.startsWith("data:"));
    const node = known && isSame ? known.node : messageImage(url, this.#stored);
    this.#images.set(key, { url, node });
    return node;
  }

  copy(key: number, label: string, text: () => string): HTMLElement {
    return kept(this.#copies, key, () => copyButton(label, text));
  }

  /** Show more of a text that is being written. */
  growText(key: number, text: string): void {
    this.#texts.get(key)?.update(text, false);
  }

  /** Show what calls at work have written since, and nothing else. */
  growCalls(working: WorkingTools): void {
    if (working === this.#working) return;
    for (const [id, tool] of working) {
      if (tool !== this.#working.get(id)) this.#atWork.get(id)?.grow(tool);
    }
    this.#working = working;
  }

  /** Keep the nodes of these sections and calls only. */
  forget(sections: readonly Section[], working: WorkingTools): void {
    const keys = new Set(
      sections.flatMap(({ key, entries }) => [key, ...entries.map((entry) => entry.key)]),
    );
    for (const nodes of [this.#texts, this.#calls, this.#images, this.#copies]) {
      for (const key of nodes.keys()) if (!keys.has(key)) nodes.delete(key);
    }
    this.#working = working;
    for (const id of this.#atWork.keys()) if (!working.has(id)) this.#atWork.delete(id);
  }
}

function kept<T>(nodes: Map<number, T>, key: number, make: () => T): T {
  const known = nodes.get(key);
  if (known !== undefined) return known;
  const made = make();
  nodes.set(key, made);
  return made;
}

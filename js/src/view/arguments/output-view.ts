/** The newest lines of what a tool writes while it runs. */

const CHARACTERS = 4_000;
const LINES = 12;

export class OutputView {
  readonly element = document.createElement("div");
  readonly #node = document.createTextNode("");

  constructor() {
    this.element.className = "dnb-tool-part dnb-tool-output";
    const box = document.createElement("pre");
    box.className = "dnb-plain";
    box.tabIndex = 0;
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", "Output");
    box.append(this.#node);
    this.element.append(box);
  }

  /** Show the end of `output`. */
  show(output: string): void {
    const lines = output.slice(-CHARACTERS).replace(/\n$/, "").split("\n").slice(-LINES);
    const text = lines.join("\n");
    const { data } = this.#node;
    if (text === data) return;
    if (text.startsWith(data)) this.#node.appendData(text.slice(data.length));
    else this.#node.data = text;
  }
}

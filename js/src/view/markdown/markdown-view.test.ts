import { describe, expect, it } from "vitest";
import { MarkdownView } from "./markdown-view";

const ANSWER = [
  "# Rain\n\nSome *words* and **more** with `code` and a [link](https://example.org/a).\n\n",
  "1. one\n2. two\n\n   still two\n3. three\n\nA line\nthat goes on\n\n- a\n  - b\n- c\n\n---\n\n",
  "```python\ndef f(x):\n    return `x` ** 2\n\n# done\n```\n\n| a | b |\n|--:|:-:|\n| 1 | 2 |\n\n",
  "> quoted\ncontinued\n\n    indented code\n\n~~~\ntilde ``` inside\n~~~\nTitle\n=====\n\nend ~~gone~~ 20~25 & <b>\n\n",
  "para\n#1 is no heading\n***loud*** no rule\n```x``` no fence\n- a list\n\n1) n\n\n2) m\n\n3 no item",
].join("");

function view(text: string, isFinished = true): HTMLElement {
  const made = new MarkdownView();
  made.update(text, isFinished);
  return made.element;
}

/** Stream `text` in pieces of `size` and finish it. */
function streamed(text: string, size: number): HTMLElement {
  const made = new MarkdownView();
  for (let end = size; end < text.length; end += size) made.update(text.slice(0, end), false);
  made.update(text, true);
  return made.element;
}

/** Return the HTML without the white space between blocks. */
function markup(element: HTMLElement): string {
  return element.innerHTML.replaceAll(/\n+(?=<|$)/g, "");
}

describe("MarkdownView", () => {
  it.each([1, 7, 10_000])("ends the same when it comes in pieces of %i", (size) => {
    expect(markup(streamed(ANSWER, size))).toBe(markup(view(ANSWER)));
  });

  it("ends the same with Windows line ends that are cut in the middle", () => {
    const text = ANSWER.replaceAll("\n", "\r\n");
    expect(markup(streamed(text, 3))).toBe(markup(view(ANSWER)));
  });

  it("keeps the nodes of finished blocks, the very same objects, while more text comes", () => {
    const made = new MarkdownView();
    let kept: Element[] = [];
    for (let end = 1; end <= ANSWER.length; end += 1) {
      made.update(ANSWER.slice(0, end), false);
      // Only the last block is open, and the one before it while a line is undecided.
      const finished = [...made.element.children].slice(0, -2);
      for (const [index, node] of kept.entries()) expect(made.element.children[index]).toBe(node);
      if (finished.length > kept.length) kept = finished;
    }
    made.update(ANSWER, true);
    for (const [index, node] of kept.entries()) expect(made.element.children[index]).toBe(node);
    expect(kept.length).toBeGreaterThan(8);
  });

  it("gives code its colours as soon as it is closed and the next block begins", () => {
    const text = "```python\nimport os\n```\n\nNow";
    expect(view(text, false).querySelector(".hljs-keyword")?.textContent).toBe("import");
  });

  it("adds to one text node while a code block is open", () => {
    const made = new MarkdownView();
    made.update("```python\nx = 1\n", false);
    const code = made.element.querySelector("code")?.firstChild;
    made.update("```python\nx = 1\ny = a ** b\n", false);
    made.update("```python\nx = 1\ny = a ** b\nz", false);
    expect(made.element.querySelector("code")?.firstChild).toBe(code);
    expect(code?.textContent).toBe("x = 1\ny = a ** b\nz");
  });

  it("draws only the last items of an open list", () => {
    const made = new MarkdownView();
    made.update("- one\n- two\n  - deep\n- thr", false);
    const items = [...made.element.querySelectorAll("ul > li")];
    made.update("- one\n- two\n  - deep\n- three\n- **fo", false);
    const after = [...made.element.querySelectorAll(":scope > ul > li")];
    expect(after.slice(0, 2)).toStrictEqual([items[0], items[1]]);
    expect(after[0]).toBe(items[0]);
    expect(after[1]).toBe(items[1]);
    expect(after.map(({ textContent }) => textContent?.replaceAll("\n", " ").trim())).toEqual([
      "one",
      "two  deep",
      "three",
      "fo",
    ]);
    made.update("- one\n- two\n  - deep\n- three\n- **four**\n\n- five", true);
    const html = view("- one\n- two\n  - deep\n- three\n- **four**\n\n- five").innerHTML;
    expect(made.element.innerHTML).toBe(html);
  });

  it("never shows the beginning of a closing fence as code", () => {
    for (const end of ["`", "``", "```"]) {
      expect(view(`\`\`\`\nx\n${end}`, false).querySelector("code")?.textContent).toBe("x\n");
    }
  });

  it("gives finished code its colours and its copy button", () => {
    const open = view("```python\nimport os", false);
    expect(open.querySelector(".hljs-keyword, .dnb-copy")).toBeNull();
    const done = view("```python\nimport os\n```");
    expect(done.querySelector(".hljs-keyword")?.textContent).toBe("import");
    expect(done.querySelector(".dnb-code-bar")?.textContent).toBe("python");
    expect(done.querySelector("button.dnb-copy")?.getAttribute("aria-label")).toBe("Copy code");
  });

  it.each([
    ["**bold te", "strong", "bold te"],
    ["an *ital", "em", "ital"],
    ["a `code wi", "code", "code wi"],
  ])("closes what is unfinished in %j", (text, element, inner) => {
    expect(view(text, false).querySelector(element)?.textContent).toBe(inner);
  });

  it.each([
    ["see [this](https://exam", "see this"],
    ["see ![alt](https://exam", "see"],
    ["see [this", "see [this"],
    ["\\[ x^2", "[ x^2"],
    ["a < b", "a < b"],
    ["x <div", "x <div"],
  ])("guesses no link, image or element in %j", (text, words) => {
    const element = view(text, false);
    expect(element.querySelector("a, img, button, div")).toBeNull();
    expect(element.textContent?.trim()).toBe(words);
  });

  it("resolves a link that is defined after its block, as a reload would", () => {
    const text = "See [the page][p].\n\nMore.\n\n[p]: https://example.org/page\n\nEnd.";
    expect(streamed(text, 4).querySelector("a")?.title).toBe("https://example.org/page");
    expect(markup(streamed(text, 4))).toBe(markup(view(text)));
  });

  it("does not take half of a link definition for the whole one", () => {
    const text = "[p]: https://example.org/long/address\n\n[p]";
    expect(streamed(text, 3).querySelector("a")?.title).toBe("https://example.org/long/address");
  });

  it("starts afresh when the text is another one", () => {
    const made = new MarkdownView();
    made.update("one\n\ntwo\n\nthree", false);
    made.update("other", true);
    expect(markup(made.element)).toBe("<p>other</p>");
    made.update("other text", false);
    expect(markup(made.element)).toBe("<p>other text</p>");
  });

  it("aligns columns by class, never by a style attribute", () => {
    const element = view("| a | b |\n|--:|:-:|\n| 1 | 2 |");
    expect([...element.querySelectorAll("td")].map((cell) => cell.className)).toEqual([
      "dnb-right",
      "dnb-center",
    ]);
    expect(element.querySelector("[style]")).toBeNull();
  });
});

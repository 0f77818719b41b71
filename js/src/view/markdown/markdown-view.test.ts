import hljs from "highlight.js/lib/core";
import { describe, expect, it, vi } from "vitest";
import { MarkdownView } from "./markdown-view";

// Work that can wait waits for the clock: here it is done at once.
vi.mock("./pacer", () => ({ soon: (work: () => void) => work() }));

const MIXED = [
  "# A heading with `code`\n\nWords with **bold**, *italic*, ***both***, ~~gone~~ and `a * b`; a ",
  "[link with **bold** words](https://example.org/a_b?c=d_e), https://example.org/f_g, 2*3 = 6, ",
  "[1], $5, \\(x_1 * y_1\\) and $a_b$. AT&amp;T\n\n| Name | *Value* |\n|:-----|------:|\n| one | **1** |\n",
  "| two | `2` |\n\n- [x] done\n- [ ] open\n  1. deep **bold**\n  2. more\n- last\n\n> quoted *words*\n",
  '> - and a list\n\n```python\nimport os\n\n\ndef f(x):\n    """Doc `x`.\n\n    More.\n    """\n    return x ** 2\n```\n\n',
  "1. first\n\n   ```js\n   const a = `b`;\n   ```\n2. second\n\n$$\n\\sum_i x_i\n$$\n\n\\[\ny^2\n\\]\n\n---\n\n",
  "![a picture](https://example.org/p.png)\n\nEnd with **bold**.",
].join("");
const NO_FORMULAS = { set: () => {} };
const ANSWER = [
  "# Rain\n\nSome *words* and **more** with `code` and a [link](https://example.org/a).\n\n",
  "1. one\n2. two\n\n   still two\n3. three\n\nA line\nthat goes on\n\n- a\n  - b\n- c\n\n---\n\n",
  "```python\ndef f(x):\n    return `x` ** 2\n\n# done\n```\n\n| a | b |\n|--:|:-:|\n| 1 | 2 |\n\n",
  "> quoted\ncontinued\n\n    indented code\n\n~~~\ntilde ``` inside\n~~~\nTitle\n=====\n\nend ~~gone~~ 20~25 & <b>\n\n",
  "para\n#1 is no heading\n***loud*** no rule\n```x``` no fence\n- a list\n\n1) n\n\n2) m\n\n3 no item",
].join("");

function view(text: string, isFinished = true): HTMLElement {
  const made = new MarkdownView(NO_FORMULAS);
  made.update(text, isFinished);
  return made.element;
}

/** Stream `text` in pieces of `size` and finish it. */
function streamed(text: string, size: number): HTMLElement {
  const made = new MarkdownView(NO_FORMULAS);
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
    const made = new MarkdownView(NO_FORMULAS);
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

  it("colours each line of an open code block once, when it is complete, and keeps its nodes", () => {
    const made = new MarkdownView(NO_FORMULAS);
    made.update("```python\nimport os\n", false);
    const line = made.element.querySelector("code > span");
    expect(line?.querySelector(".hljs-keyword")?.textContent).toBe("import");
    made.update("```python\nimport os\nimport r", false);
    const open = made.element.querySelector("code")?.lastChild;
    made.update("```python\nimport os\nimport re", false);
    expect(made.element.querySelector("code")?.lastChild).toBe(open);
    expect(open?.textContent).toBe("import re");
    made.update("```python\nimport os\nimport re\n```\n\nEnd", true);
    expect(made.element.querySelector("code > span")).toBe(line);
    expect(made.element.querySelectorAll("code .hljs-keyword")).toHaveLength(2);
  });

  it("colours long code at a cost that does not grow with what is coloured already", () => {
    const spy = vi.spyOn(hljs, "highlight");
    const made = new MarkdownView(NO_FORMULAS);
    let text = "```python\n";
    for (let line = 0; line < 300; line += 1) {
      text += `value_${line} = compute(${line})\n`;
      made.update(text, false);
    }
    const coloured = spy.mock.calls.reduce((sum, [code]) => sum + code.length, 0);
    spy.mockRestore();
    expect(coloured).toBeLessThan(2 * text.length);
  });

  it("adds to one text node while code of no known language is open", () => {
    const made = new MarkdownView(NO_FORMULAS);
    made.update("```\nx = 1\n", false);
    const code = made.element.querySelector("code")?.firstChild;
    made.update("```\nx = 1\ny = a ** b\n", false);
    made.update("```\nx = 1\ny = a ** b\nz", false);
    expect(made.element.querySelector("code")?.firstChild).toBe(code);
    expect(code?.textContent).toBe("x = 1\ny = a ** b\nz");
  });

  it("puts long code of no known language into boxes of lines, and fills the last one only", () => {
    const lines = Array.from({ length: 1000 }, (_, n) =>
      n === 300 ? `a\u202eb ${n}` : `line ${n}`,
    );
    const text = `\`\`\`\n${lines.join("\n")}`;
    const made = new MarkdownView(NO_FORMULAS);
    made.update(text.slice(0, 6000), false);
    const code = made.element.querySelector("code") as HTMLElement;
    const watch = new MutationObserver(() => {});
    const before = code.querySelector(".dnb-lines:last-child") as HTMLElement;
    watch.observe(code, { childList: true, subtree: true, characterData: true });
    for (let end = 6001; end <= text.length; end += 7) made.update(text.slice(0, end), false);
    made.update(`${text}\n`, false);
    const old = [...code.childNodes].slice(0, [...code.childNodes].indexOf(before));
    const touched = watch.takeRecords().map(({ target }) => target);
    expect(touched.length).toBeGreaterThan(0);
    expect(touched.filter((node) => old.some((each) => each.contains(node)))).toEqual([]);
    const boxes = [...code.querySelectorAll(".dnb-lines")];
    expect(boxes).toHaveLength(7);
    expect(boxes.map((box) => box.matches(".dnb-whole"))).toEqual([...Array(6).fill(true), false]);
    expect(code.textContent).toBe(`${lines.join("\n")}\n`);
    expect(code.querySelectorAll(".dnb-turning")).toHaveLength(1);
    const counts = boxes.map(({ textContent }) => textContent?.split("\n").length);
    expect(counts).toEqual([...Array(6).fill(129), 1000 - 7 * 128 + 1]);
    expect(view(`${text}\n\`\`\``).querySelectorAll(".dnb-lines")).toHaveLength(7);
  });

  it.each([
    ["1. \u05e9\u05dc\u05d5\u05dd and more", "rtl"],
    ["12 > \u0627 b", "rtl"],
    ["**Hello** \u05e9\u05dc\u05d5\u05dd", "ltr"],
    ["12 + 34", ""],
  ])("runs in the direction of the first letter: %j", (text, direction) => {
    expect(streamed(text, 3).dir).toBe(direction);
    expect(view(text).dir).toBe(direction);
  });

  it("draws only the last items of an open list", () => {
    const made = new MarkdownView(NO_FORMULAS);
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

  it("gives code a bar with its language and a copy button from its first line on", () => {
    const open = view("```python\nimport os", false);
    expect(open.querySelector(".dnb-code-bar")?.textContent).toBe("python");
    expect(open.querySelector("button.dnb-copy")?.getAttribute("aria-label")).toBe("Copy code");
    expect(view("```<b>Tool:</b>\nx\n```").querySelector(".dnb-code-bar")?.textContent).toBe(
      "text",
    );
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
    ["see [this", "see"],
    ["see [this]", "see"],
    ["see [1], then", "see [1], then"],
    ["is \\[ x^2", "is"],
    ["is $x^", "is"],
    ["costs $5 or", "costs $5 or"],
    ["2*3 is", "2*3 is"],
    ["a < b", "a < b"],
    ["x <div", "x <div"],
    ["AT&amp", "AT"],
    ["para\n-", "para"],
    ["para\n\n1.", "para"],
    ["```py", ""],
    ["| a | b |", ""],
    ["| a | b |\n|--", ""],
    ["- [ ", ""],
    ["word **", "word"],
    ["word `", "word"],
  ])("shows of %j what it is sure to mean", (text, words) => {
    const element = view(text, false);
    expect(element.querySelector("[title], img, button, hr, h1, h2, .dnb-code")).toBeNull();
    expect(element.textContent?.trim()).toBe(words);
  });

  it("never shows what is not there in the end: each state is the beginning of the next", () => {
    const bare = (element: HTMLElement) => (element.textContent ?? "").replaceAll(/\s/g, "");
    const made = new MarkdownView(NO_FORMULAS);
    const whole = bare(view(MIXED));
    for (let end = 1; end < MIXED.length; end += 1) {
      made.update(MIXED.slice(0, end), false);
      const shown = bare(made.element);
      expect(whole.startsWith(shown), `after ${JSON.stringify(MIXED.slice(end - 30, end))}`).toBe(
        true,
      );
    }
  });

  it("makes boxes of its own for tasks, which cannot be ticked", () => {
    const element = view("- [x] done\n- [ ] open\n- [y] none");
    const boxes = [...element.querySelectorAll<HTMLInputElement>("input[type=checkbox]")];
    expect(boxes.map(({ checked, disabled }) => [checked, disabled])).toEqual([
      [true, true],
      [false, true],
    ]);
    expect(boxes.map((box) => box.getAttribute("aria-label"))).toEqual(["Done", "Not done"]);
    expect(element.textContent).toContain("[y] none");
  });

  it.each([
    ["a $x^2$ b", "x^2", false],
    ["a \\(x_1\\) b", "x_1", false],
    ["a $$y$$ b", "y", true],
    ["$$\na_1 * b_1 * c\n$$", "a_1 * b_1 * c", true],
    [
      "\\[\n\\begin{aligned}\na &= b\n\\end{aligned}\n\\]",
      "\\begin{aligned}\na &= b\n\\end{aligned}",
      true,
    ],
  ])("hands the formula in %j to the typesetter", (text, source, isDisplay) => {
    const set = vi.fn();
    const made = new MarkdownView({ set });
    made.update(text, true);
    expect(set.mock.calls.map(([, ...rest]) => rest)).toEqual([[source, isDisplay]]);
    expect(made.element.querySelector(".dnb-formula")?.textContent).toBe(source);
    expect(made.element.querySelector("em")).toBeNull();
  });

  it.each(["$5 and $6", "a $ b $ c", "\\$x$", "`$x$`", "$x", "\\(x", "```\n$x$\n```"])(
    "leaves %j as text",
    (text) => expect(view(text).querySelector(".dnb-formula")).toBeNull(),
  );

  it.each([
    ["see https://example.org/a_b_c. And", "https://example.org/a_b_c"],
    ["(https://example.org/x)", "https://example.org/x"],
    ["https://en.example.org/wiki/A_(b)", "https://en.example.org/wiki/A_(b)"],
    ["**https://example.org**", "https://example.org/"],
  ])("makes a link of the address in %j", (text, address) => {
    expect(view(text).querySelector("a")?.title).toBe(address);
  });

  it("nests emphasis, quotes and lists no deeper than the page can bear", () => {
    const depth = (element: Element): number =>
      1 + Math.max(0, ...[...element.children].map((child) => depth(child)));
    for (const piece of ["*a_", "**a ", "> ", "- ", "[a", "~~a *"]) {
      expect(depth(view(piece.repeat(300))), piece).toBeLessThan(60);
      expect(depth(view(piece.repeat(300), false)), piece).toBeLessThan(60);
    }
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
    const made = new MarkdownView(NO_FORMULAS);
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

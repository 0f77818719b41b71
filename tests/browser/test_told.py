"""What a screen reader hears of a turn; what the page tells of a message, against the frames."""

from __future__ import annotations

import json
import re
from typing import Any

from playwright.sync_api import Browser, Locator, expect

from .lab import Lab, Notebook, open_notebook

LISTEN = """() => {
  window.heard = [];
  const region = document.querySelector('.dnb-chat [role=status]');
  new MutationObserver(() => { if (region.textContent) heard.push(region.textContent); })
    .observe(region, { childList: true, characterData: true, subtree: true });
  window.live = [...document.querySelectorAll('.dnb-chat [aria-live]:not([aria-live=off])')]
    .map(({ className }) => className);
}"""
MAKE = """
import asyncio
import dispatch_nb as dn
from dispatch_nb.engine.contracts import Failure, Finish, TextDelta, ToolCall

is_open = False

async def look(place: str) -> str:
    "Look at a place, once it is open."
    while not is_open:
        await asyncio.sleep(0.02)
    if place == "nowhere":
        raise LookupError("there is no such place")
    return "seen"

pause = lambda: asyncio.sleep(0.002)
long = [part for n in range(400) for part in (TextDelta(f"w{n} "), pause)]
steps = [
    [*long, ToolCall("1", "look", {"place": "here"}), ToolCall("2", "look", {"place": "nowhere"}),
     Finish("tool_calls")],
    [*long, Finish("stop")],
    [*long, Failure("The model is full.", code="529")],
    [*long, lambda: asyncio.Event().wait()],
]
chat = dn.Chat(dn.ScriptedProvider(steps=steps), tools=[look], store=":memory:")
chat
"""


# What is said as well where the kernel takes long to answer.
SLOW = ("No answer from the kernel", "The kernel is busy")


def heard(notebook: Notebook) -> list[str]:
    said: list[str] = notebook.page.evaluate("() => heard.splice(0)")
    return [each for each in said if not each.startswith(SLOW)]


def send(chat: Locator, text: str) -> None:
    chat.locator("textarea.dnb-input").fill(text)
    chat.locator("textarea.dnb-input").press("Enter")


def test_beginnings_and_ends_are_announced_and_never_a_token(browser: Browser, lab: Lab) -> None:
    name = lab.write("heard.ipynb", [MAKE, "is_open = True"])
    with open_notebook(browser, lab, name) as notebook:
        notebook.run(0)
        chat = notebook.chat
        expect(chat).to_have_attribute("data-connection", "live")
        notebook.page.evaluate(LISTEN)
        # There is one voice: nothing else on the page speaks by itself.
        assert len(notebook.page.evaluate("() => live")) == 1
        send(chat, "look")
        running = chat.locator(".dnb-tool[data-state=running]")
        expect(running).to_have_count(2)
        notebook.run(1)
        expect(running).to_have_count(0)
        expect(chat.locator(".dnb-status")).to_have_text("Answer finished")
        expect(chat).to_have_attribute("data-status", "idle")
        tools = ["Running tools look, look", "Tool look finished. Tool look failed"]
        apart = ["Running tool look", "Tool look failed", "Tool look finished"]
        said = heard(notebook)
        assert said[0] == "Answering"
        assert said[-1] == "Answer finished"
        assert said[1:-1] == tools or 2 <= len(said[1:-1]) <= 4, said
        assert all(each in (*tools, *apart) for each in said[1:-1]), said
        send(chat, "fail")
        expect(chat.locator(".dnb-error")).to_be_visible()
        expect(chat).to_have_attribute("data-status", "idle")
        expect(chat.locator(".dnb-status")).to_have_text("Error: The model is full.")
        assert heard(notebook) == ["Answering", "Error: The model is full."]
        send(chat, "stop")
        expect(chat.locator("[data-role=assistant]")).to_have_count(3)
        expect(chat.locator("[data-role=assistant]").last).to_contain_text("w399")
        chat.get_by_role("button", name="Stop").click()
        expect(chat.locator(".dnb-stopped")).to_be_visible()
        expect(chat.locator(".dnb-status")).to_have_text("Stopped")
        assert heard(notebook) == ["Answering", "Stopped"]


FACTS = """
import asyncio, json
import dispatch_nb as dn
from dispatch_nb.engine.contracts import Finish, TextDelta, UsageReport
from dispatch_nb.wire.conversation import Usage

dn.prices.set("scripted:custom", input=3, output=15, cache_read=0.3, context_window=4_000)
used = UsageReport(Usage(input_tokens=1412, output_tokens=318, cache_read_tokens=1024))
pause = lambda: asyncio.sleep(0.01)
said = [part for n in range(60) for part in (pause, TextDelta(f"w{n} "))]
chat = dn.Chat(dn.ScriptedProvider(steps=[[*said, used, Finish("stop")]]), store=":memory:")
display(chat)
turn = chat.send("go")
await turn
"""
READ = """
row = chat.steps.iloc[0]
names = ["input_tokens", "output_tokens", "cache_read_tokens", "cost_usd",
         "time_to_first_chunk_s", "output_tokens_per_s"]
print(json.dumps({name: float(row[name]) for name in names}))
"""


# A button says that it has copied for a moment only.
LABELS = """() => {
  window.labels = [];
  new MutationObserver((all) => {
    for (const { target } of all) labels.push(target.getAttribute("aria-label"));
  }).observe(
    document.querySelector(".dnb-log"), { subtree: true, attributeFilter: ["aria-label"] });
}"""
COPIED = "count => labels.filter((label) => label === 'Copied').length === count"


def number(text: str) -> float:
    """Return the number in a fact, in milliseconds where it is a duration."""
    found = re.search(r"[\d,.]+", text)
    assert found is not None, text
    value = float(found[0].replace(",", ""))
    return value * 1000 if re.search(r"\d s$", text) else value


def test_the_facts_of_an_answer_are_those_of_the_frames_and_it_is_copied_whole(
    browser: Browser, lab: Lab
) -> None:
    name = lab.write("facts.ipynb", [FACTS, READ])
    with open_notebook(browser, lab, name) as notebook:
        notebook.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        notebook.run(0)
        notebook.run(1)
        row: dict[str, Any] = json.loads(notebook.output(1).split("\n")[0])
        chat = notebook.chat
        answer = chat.locator("[data-role=assistant]")
        answer.hover()
        answer.get_by_role("button", name="Details").click()
        panel = answer.locator("dl.dnb-facts")
        expect(panel).to_contain_text("Tokens out")
        facts = dict(
            zip(
                panel.locator("dt").all_inner_texts(),
                panel.locator("dd").all_inner_texts(),
                strict=True,
            )
        )
        assert number(facts["Tokens in"]) == row["input_tokens"] == 1412
        assert number(facts["Tokens out"]) == row["output_tokens"] == 318
        assert number(facts["Cached"]) == row["cache_read_tokens"] == 1024
        assert abs(number(facts["Cost"]) - row["cost_usd"]) <= 0.000_05
        assert abs(row["cost_usd"] - ((1412 - 1024) * 3 + 1024 * 0.3 + 318 * 15) / 1e6) < 1e-9
        assert abs(number(facts["First token after"]) - row["time_to_first_chunk_s"] * 1000) <= 50
        assert abs(number(facts["Speed"]) - row["output_tokens_per_s"]) <= 1
        assert re.search(r"\d\d:\d\d", facts["Time"])
        gauge = chat.locator("meter.dnb-gauge")
        assert abs(gauge.evaluate("e => e.value") - 1730 / 4000) < 1e-6
        expect(gauge).to_have_attribute("aria-label", "Context: 1,730 tokens of 4,000")
        notebook.page.evaluate(LABELS)
        answer.get_by_role("button", name="Copy answer").click()
        notebook.page.wait_for_function(COPIED, arg=1)
        copied = notebook.page.evaluate("() => navigator.clipboard.readText()")
        assert copied.split() == [f"w{n}" for n in range(60)]
        prompt = chat.locator("[data-role=user]")
        prompt.hover()
        prompt.get_by_role("button", name="Copy message").click()
        notebook.page.wait_for_function(COPIED, arg=2)
        assert notebook.page.evaluate("() => navigator.clipboard.readText()") == "go"

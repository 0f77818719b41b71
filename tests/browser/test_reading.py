"""What a reader keeps while an answer comes: nodes, selection, place; and what is announced."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from .host import Host, running_host

PART = """## Part {n}

Some *words* and **more** with `code`, $x_{n}^2$ and a [link](https://example.org/{n}).

1. one
2. two with **bold**
   - deep
3. three

| a | b |
|--:|:-:|
| 1 | `{n}` |
| 2 | *two* |

```python
def f{n}(x):
    \"\"\"Return `x` to the {n}th.

    Exactly.
    \"\"\"
    return x ** {n}  # done
```

- [x] task
- [ ] other

> quoted
> words

$$
\\sum_i x_i^{n}
$$

"""
ANSWER = "".join(PART.replace("{n}", str(n)) for n in range(1, 9))

BEGIN = """() => {
  clear();
  const chat = show({ status: "running" });
  chat.model.snapshot();
  chat.model.events({ type: "user-message", text: "go" }, { type: "turn-start" });
  return frames_(2);
}"""
# Blocks that have another one behind their successor are finished: of them nothing may change.
WATCH = """() => {
  window.removed = [];
  window.touched = { records: 0, removed: 0 };
  window.finished = new Set();
  const prose = () => document.querySelector(".dnb-text .dnb-prose");
  window.observer = new MutationObserver((records) => {
    touched.records += records.length;
    for (const { removedNodes, target, type } of records) {
      touched.removed += removedNodes.length;
      for (const node of removedNodes) if (finished.has(node)) removed.push(node.nodeName);
      const block = [...finished].find((each) => each.contains(target));
      // Formulas are set into their places when their typesetter is there.
      const element = target instanceof Element ? target : target.parentElement;
      if (block && !element?.closest(".dnb-formula")) removed.push(`${type} in ${block.nodeName}`);
    }
    const blocks = [...prose().children];
    for (const block of blocks.slice(0, -3)) finished.add(block);
  });
  observer.observe(prose(), {
    subtree: true, childList: true, characterData: true,
  });
}"""
STREAM = """async ([text, size, from]) => {
  const [chat] = chats;
  let frames = 0;
  for (let at = from; at < text.length; at += size) {
    chat.model.events({ type: "text-delta", delta: text.slice(at, at + size) });
    await frames_(1);
    frames += 1;
  }
  await frames_(2);
  return frames;
}"""
FINISH = """async () => {
  const [{ model }] = chats;
  model.events({ type: "done", reason: "stop" },
    { type: "nb.chunks-committed", firstSeq: 1, count: 2 }, { type: "turn-sealed" });
  model.change({ status: "idle", last_seq: 2 });
  await frames_(3);
}"""


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with running_host() as running:
        yield running


@pytest.fixture
def page(browser: Browser, host: Host) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1000, "height": 900})
    opened.goto(host.base)
    opened.wait_for_function("() => window.isReady")
    opened.evaluate(BEGIN)
    yield opened
    opened.close()


def test_no_node_of_a_finished_block_is_replaced_while_a_long_mixed_answer_comes(
    page: Page,
) -> None:
    page.evaluate(STREAM, [ANSWER[:2], 1, 0])
    page.evaluate(WATCH)
    frames = page.evaluate(STREAM, [ANSWER, 9, 2])
    page.evaluate(FINISH)
    page.wait_for_timeout(200)
    removed, touched, finished = page.evaluate("() => [removed, touched, finished.size]")
    assert removed == []
    assert finished > 60
    # Of the block that grows, less than one node is replaced for each piece.
    assert touched["removed"] < frames
    expect(page.locator(".dnb-formula.dnb-set")).to_have_count(16)
    live = page.locator(".dnb-text .dnb-prose").evaluate(BARE)
    page.evaluate(REOPEN, ANSWER)
    page.wait_for_function("() => document.querySelectorAll('.dnb-set').length === 16")
    page.wait_for_timeout(300)
    assert page.locator(".dnb-text .dnb-prose").evaluate(BARE) == live


BARE = "element => element.innerHTML.replaceAll(/\\n+(?=<|$)/g, '')"
REOPEN = """async (text) => {
  clear();
  const chat = show({ last_seq: 1 });
  const chunk = { type: "text", text };
  chat.model.snapshot({ committed: [{ seq: 1, role: "assistant", chunk }] });
  await frames_(3);
}"""


def test_a_selection_stays_while_the_very_paragraph_it_is_in_grows(page: Page) -> None:
    page.evaluate(STREAM, ["A paragraph that begins with **bold words** and", 6, 0])
    page.evaluate(
        """() => {
          const range = document.createRange();
          range.selectNodeContents(document.querySelector(".dnb-text strong"));
          range.setStart(document.querySelector(".dnb-text p").firstChild, 2);
          getSelection().removeAllRanges();
          getSelection().addRange(range);
        }"""
    )
    before = page.evaluate("() => String(getSelection())")
    page.evaluate(STREAM, [" goes on *with emphasis* and more.\n\nAnother one.\n\nEnd", 3, 0])
    assert before == "paragraph that begins with bold words"
    assert page.evaluate("() => String(getSelection())") == before


def stream(page: Page, arguments: list[object]) -> None:
    """Stream a text, and wait until its formulas are set, which changes their heights."""
    page.evaluate(STREAM, arguments)
    expect(page.locator(".dnb-formula:not(.dnb-set)")).to_have_count(0)
    page.evaluate("() => frames_(2)")


def test_what_the_reader_scrolled_to_stays_and_a_button_leads_to_the_end(page: Page) -> None:
    half = len(ANSWER) // 2
    stream(page, [ANSWER[:half], 120, 0])
    log = page.locator(".dnb-log")
    at_end = "log => log.scrollHeight - log.scrollTop - log.clientHeight < 3"
    assert log.evaluate(at_end)
    expect(page.locator(".dnb-jump-button")).to_have_count(0)
    log.evaluate("log => { log.scrollTop = 300; }")
    page.evaluate("() => frames_(3)")
    place = "() => document.querySelectorAll('.dnb-prose h2')[0].getBoundingClientRect().top"
    before = page.evaluate(place)
    stream(page, [ANSWER, 120, half])
    assert page.evaluate(place) == before
    page.locator(".dnb-jump-button").click()
    page.evaluate("() => frames_(3)")
    assert log.evaluate(at_end)
    stream(page, [PART, 120, 0])
    assert log.evaluate(at_end)


def test_a_turn_is_announced_in_a_few_sentences_and_never_by_token(page: Page) -> None:
    page.evaluate(
        """() => {
          window.said = [];
          const status = document.querySelector(".dnb-status");
          new MutationObserver(() => said.push(status.textContent))
            .observe(status, { childList: true, characterData: true, subtree: true });
        }"""
    )
    page.evaluate(STREAM, [ANSWER[:3000], 8, 0])
    page.evaluate(
        """async () => {
          const [{ model }] = chats;
          const call = { toolCallId: "1", toolName: "add", stepId: "s" };
          for (let n = 0; n < 50; n += 1) {
            model.events({ type: "nb.tool-input-delta", ...call, delta: "{" });
            await frames_(1);
          }
          model.events({ type: "tool-call", ...call, input: {} });
          await frames_(1);
          for (let n = 0; n < 50; n += 1) {
            model.events({ type: "tool-output", toolCallId: "1", stream: "stdout", data: "x" });
            await frames_(1);
          }
          model.events({ type: "nb.tool-settled", ...call, isError: true },
            { type: "tool-result", ...call, content: "3", isError: true });
          await frames_(1);
        }"""
    )
    page.evaluate(FINISH)
    said = page.evaluate("() => said")
    assert said == ["Running tool add", "Tool add failed", "Answer finished"]

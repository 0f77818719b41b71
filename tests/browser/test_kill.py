"""The kernel is killed while a page watches it; all that the page shows is in the store."""

from __future__ import annotations

import os
import random
import re
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from dispatch_nb.compose import open_conversation
from dispatch_nb.frames import turns_frame
from dispatch_nb.store import Store
from tests.store_parts import assert_gap_free

from .lab import Lab, Notebook, open_notebook

KILLS = 20 if os.environ.get("DISPATCH_NB_PROOF") == "full" else 2
WORDS = 160

# Every word of the conversation has a letter for where it stands, and a number: thoughts,
# text, arguments of calls, their results. None of it is markdown.
CELL = f"""
import asyncio, os, uuid
import dispatch_nb as dn
from dispatch_nb.engine.contracts import Finish, ReasoningDelta, TextDelta, ToolCall

def look_up(query: str) -> str:
    \"\"\"Look something up.\"\"\"
    return query.replace("a", "r")

pause = lambda: asyncio.sleep(0.006)
steps, number = [], iter(range(10_000))
for part in range({WORDS} // 20):
    step = []
    for _ in range(5):
        step += [ReasoningDelta(f"t{{next(number):04}} "), pause]
    for _ in range(15):
        step += [TextDelta(f"w{{next(number):04}} "), pause]
    for call in "bc":
        query = f"a{{next(number):04}}"
        step += [ToolCall(f"{{part}}{{call}}", "look_up", {{"query": query}}), pause]
    steps.append([*step, Finish("tool_calls")])
steps.append([lambda: asyncio.Event().wait()])
name = str(uuid.uuid4())
chat = dn.Chat(dn.ScriptedProvider(steps=steps, pace=0), tools=[look_up], conversation=name)
display(chat)
print("\\nkernel", os.getpid(), name)
turn = chat.send("u0000 please")
"""


def shown(notebook: Notebook) -> list[str]:
    """Return the words on the page, also those in parts that are folded away."""
    return re.findall(r"[utwar]\d{4}", notebook.chat.text_content() or "")


def stored(path: Path, conversation_id: str) -> list[str]:
    with closing(Store(path)) as store:
        conversation = open_conversation(store=store, conversation_id=conversation_id)
        chunks = assert_gap_free(store, conversation_id)
        assert list(conversation.live.transcript.committed) == chunks
        assert list(turns_frame(store, conversation_id)["status"]) == ["interrupted"]
        assert conversation.title == "u0000 please"
    # Ids of turns hold letters and digits as well, but more of them.
    return re.findall(r"\b[utwar]\d{4}\b", " ".join(item.chunk.to_json() for item in chunks))


def of(kind: str, words: list[str]) -> list[str]:
    return list(dict.fromkeys(word for word in words if word.startswith(kind)))


def kill_at(notebook: Notebook, least: int) -> tuple[str, list[str]]:
    """Kill the kernel when the page shows so many words; return the chat's id and its words."""
    notebook.run(0)
    found = re.search(r"kernel (\d+) (\S+)", notebook.output(0))
    assert found is not None, notebook.output(0)
    notebook.page.wait_for_function(
        "([least]) => (document.querySelector('.dnb-chat')?.textContent.match(/[tw]\\d{4}/g)"
        " ?? []).length >= least",
        arg=[least],
    )
    notebook.kill_kernel(int(found[1]))
    # The server missed the kernel after a while: what was on its way has arrived.
    return found[2], shown(notebook)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is not a thing of Windows")
def test_all_that_a_page_shows_when_its_kernel_is_killed_is_in_the_store(
    browser: Browser, lab: Lab, record_property: Callable[[str, object], None]
) -> None:
    source = random.Random(11)
    total = 0
    name = lab.write("kill.ipynb", [CELL])
    for _ in range(KILLS):
        moment = source.randrange(1, WORDS)
        with open_notebook(browser, lab, name) as notebook:
            conversation_id, on_page = kill_at(notebook, moment)
        kept = stored(lab.root.parent / "store.db", conversation_id)
        for kind in "utwar":
            mine = of(kind, on_page)
            assert mine == of(kind, kept)[: len(mine)]
        assert len(of("t", on_page)) + len(of("w", on_page)) >= moment
        total += len(set(on_page))
    record_property("proved", f"{KILLS} kernels killed, {total} words on their pages, 0 lost")

"""Stop in real kernels: what a click and an interrupt can do beside each kind of cell.

The model is a loopback server that talks until its connection is closed, so that the end of
the request is seen where it matters. The installed ipykernel is always tried; the older ones
when the full proof is asked for (`DISPATCH_NB_PROOF=full`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import pytest

from dispatch_nb.widget.outbox import WINDOW
from tests.endless_server import SHORT_ANSWER, SHORTLY, EndlessServer, Request, endless_server
from tests.kernels import IS_WAITING, TRIED, VERSIONS, Kernel, running_kernel
from tests.waiting import wait_until

Cell = Literal["awaiting", "blocking", "returned"]
Way = Literal["main shell", "subshell"]

WAYS: tuple[Way, ...] = ("main shell", "subshell")
# A cell that waits prints so once it does: what is called soon is called once the cell awaits.
CELLS: dict[Cell, str] = {
    "awaiting": "turn = chat.send('go')\n"
    "asyncio.get_running_loop().call_soon(print, 'waits')\n"
    "await turn",
    "blocking": "beside(tell_of_wait)\nturn = chat.send('go')\nturn.result()",
    "returned": "turn = chat.send('go')",
}
BEGIN = """
import asyncio, contextvars, threading, time
import dispatch_nb as dn
import dispatch_nb.conversation.turn as handle

# How long an interrupted cell waits for its turn's last words: a busy machine needs longer.
handle.LAST_WORDS_S = 30

def beside(work):
    "Do it on a thread that prints for the cell: not every ipykernel knows whose a thread is."
    threading.Thread(target=contextvars.copy_context().run, args=[work]).start()

def tell_of_wait():
    while not is_waiting():
        time.sleep(0.01)
    print("waits", flush=True)
"""

# Whether a click on Stop is heard while the cell runs, by the shell that the front end sends
# it to. JupyterLab uses a subshell where the kernel has them; other front ends do not.
HEARD: dict[str, dict[tuple[Cell, Way], bool]] = {
    "6.31": {
        ("awaiting", "main shell"): False,
        ("blocking", "main shell"): False,
        ("returned", "main shell"): True,
    },
    "7.3": {
        ("awaiting", "main shell"): False,
        ("awaiting", "subshell"): True,
        ("blocking", "main shell"): False,
        ("blocking", "subshell"): True,
        ("returned", "main shell"): True,
        ("returned", "subshell"): True,
    },
    "7.4": {
        ("awaiting", "main shell"): True,
        ("awaiting", "subshell"): True,
        ("blocking", "main shell"): False,
        ("blocking", "subshell"): True,
        ("returned", "main shell"): True,
        ("returned", "subshell"): True,
    },
}
# How long a click that is heard, or an interrupt, may take to end the request: as long as a busy
# machine needs, for one that is not heard never does. How long they do take is printed.
END_S = 60.0
# How long a click goes unheard before it counts as not heard: the front end says so after 1 s.
DEAF_S = 1.2

OUTCOME = "[turn.done, turn.finish_reason, chat.turns.status.iloc[-1], turn.text]"


@dataclass
class Lab:
    """A kernel with a chat in it, the model it asks, and how fast each end was."""

    kernel: Kernel
    server: EndlessServer
    chat: str
    clicks: int = 0
    subshell: str | None = None
    painted: int = 0

    def close_page(self) -> None:
        """Take the page's subshell away from under the chat."""
        assert self.subshell is not None
        self.kernel.delete_subshell(self.subshell)
        self.subshell = None

    def open(self, way: Way) -> None:
        """Open a view that sends its messages this way."""
        if way == "subshell" and self.subshell is None:
            self.subshell = self.kernel.new_subshell()
        before = len(self.kernel.told(self.chat, "snapshot"))
        self.kernel.act(self.chat, self._way(way), type="ready")
        wait_until(lambda: len(self.kernel.told(self.chat, "snapshot")) > before)

    def paint(self, way: Way) -> None:
        """Say that everything told so far is painted, as a page does."""
        told = self.kernel.told(self.chat, "events")
        if told and told[-1][1]["upto"] > self.painted:
            self.painted = told[-1][1]["upto"]
            self.kernel.act(self.chat, self._way(way), type="ack", upto=self.painted)

    def start(self, code: str, way: Way | None = None) -> tuple[str, Request]:
        """Start a cell; return it with the request it made, which is being answered."""
        before = len(self.server.requests)
        cell = self.kernel.start(code)

        def is_answered() -> bool:
            if way is not None:
                self.paint(way)
            requests = self.server.requests
            return len(requests) > before and len(requests[-1].words) > 10

        wait_until(is_answered)
        return cell, self.server.requests[-1]

    def interrupt(self, cell: str) -> float:
        """Interrupt a cell once it waits; return when."""
        wait_until(lambda: "waits" in self.kernel.printed(cell))
        return self.kernel.interrupt()

    def news(self) -> int:
        """Return how often the kernel has told of events that were new."""
        return len([told for _, told in self.kernel.told(self.chat, "events") if told["events"]])

    def click(self, way: Way) -> tuple[float, str]:
        """Send the view's Stop; return when, and the request's id."""
        self.clicks += 1
        request_id = f"stop-{self.clicks}"
        return self.kernel.act(
            self.chat, self._way(way), type="stop", requestId=request_id
        ), request_id

    def answers(self, request_id: str) -> list[bool]:
        """Return what the kernel has replied to an act: whether it was accepted."""
        replies = self.kernel.told(self.chat, "reply")
        return [reply["accepted"] for _, reply in replies if reply["requestId"] == request_id]

    def check_aborted(self, request: Request) -> None:
        """Check that the turn is sealed with its partial text, and that the next one works."""
        wait_until(lambda: bool(self.kernel.value("turn.done")))
        done, reason, status, text = self.kernel.value(OUTCOME)
        assert (done, reason, status) == (True, "aborted", "aborted")
        assert text.startswith("word0 word1 word2 ")
        assert request.text.startswith(text)
        assert self.kernel.value("chat.chunks.text.iloc[-1]") == text
        assert self.kernel.value(f"chat.send('{SHORTLY}').result(60).text") == SHORT_ANSWER

    def _way(self, way: Way) -> str | None:
        return self.subshell if way == "subshell" else None


@pytest.fixture(scope="module", params=TRIED)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


Measured = dict[tuple[Cell, Way], dict[str, str]]


@pytest.fixture(scope="module")
def measured(request: pytest.FixtureRequest) -> Iterator[Measured]:
    """What was measured, printed as a table when all has been."""
    rows: Measured = {(cell, way): {} for cell in CELLS for way in WAYS}
    yield rows
    columns = [version for version in TRIED if any(version in row for row in rows.values())]
    if not columns:
        return
    lines = ["", "Stop beside a cell, in seconds  " + "".join(f"{v:<24}" for v in columns)]
    for (cell, way), row in rows.items():
        words = "".join(f"{row.get(version, 'no subshells'):<24}" for version in columns)
        lines.append(f"{cell + ' cell, ' + way:<32}{words}".rstrip())
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print("\n".join(lines))


@pytest.fixture(scope="module")
def lab(
    version: str, tmp_path_factory: pytest.TempPathFactory, measured: Measured
) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("kernel")
    with endless_server() as server, running_kernel(VERSIONS[version], folder) as kernel:
        kernel.run(IS_WAITING + BEGIN)
        kernel.run(f"chat = dn.Chat('openai:m', base_url={server.base_url!r}, api_key='k')")
        yield Lab(kernel, server, kernel.value("chat.comm.comm_id"))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cell", CELLS)
def test_a_click_on_stop_ends_the_turn_wherever_it_is_heard(
    lab: Lab, measured: Measured, version: str, cell: Cell, way: Way
) -> None:
    assert version in HEARD, f"ipykernel {version} is new here: say what a click can do in it."
    if (cell, way) not in HEARD[version]:
        assert not lab.kernel.has_subshells
        return
    lab.open(way)
    running, request = lab.start(CELLS[cell], way)
    at, request_id = lab.click(way)
    if HEARD[version][cell, way]:
        assert request.closed.wait(END_S), "the click was not heard"
        measured[cell, way][version] = f"click {request.closed_at - at:.2f}"
        end = lab.kernel.finish(running)
        assert not end.error
        wait_until(lambda: lab.answers(request_id) == [True])
    else:
        request.closed.wait(DEAF_S)
        # A kernel that was stalled meanwhile has heard nothing: wait until it talks.
        told = lab.news()
        wait_until(lambda: lab.news() > told + 1 or request.closed.is_set())
        assert not request.closed.is_set(), "the click was heard: the table is out of date"
        assert lab.answers(request_id) == []
        at = lab.interrupt(running)
        assert request.closed.wait(END_S)
        measured[cell, way][version] = f"interrupt {request.closed_at - at:.2f}"
        end = lab.kernel.finish(running)
        assert end.error in {"KeyboardInterrupt", "CancelledError"}
        # What was clicked is heard once the cell has ended, and does no harm then.
        wait_until(lambda: lab.answers(request_id) == [False])
    lab.check_aborted(request)


@pytest.mark.parametrize("cell", ["awaiting", "blocking"])
def test_an_interrupt_ends_the_turn_of_the_cell_that_waits(lab: Lab, cell: Cell) -> None:
    running, request = lab.start(CELLS[cell])
    lab.interrupt(running)
    assert request.closed.wait(END_S)
    end = lab.kernel.finish(running)
    assert end.error in {"KeyboardInterrupt", "CancelledError"}
    # The cell has ended after the turn: nothing has to be waited for.
    assert lab.kernel.value("[turn.done, turn.finish_reason]") == [True, "aborted"]
    lab.check_aborted(request)


def test_an_interrupted_cell_can_send_the_next_message_itself(lab: Lab) -> None:
    running, request = lab.start(
        "beside(tell_of_wait)\n"
        "turn = chat.send('go')\ntry:\n    turn.result()\nexcept KeyboardInterrupt:\n"
        f"    print(chat.send('{SHORTLY}').result(60).text)"
    )
    lab.interrupt(running)
    assert request.closed.wait(END_S)
    assert not lab.kernel.finish(running).error
    assert lab.kernel.printed(running) == f"waits\n{SHORT_ANSWER}\n"


def test_an_interrupt_of_another_cell_leaves_a_background_turn_alone(lab: Lab) -> None:
    first, request = lab.start(CELLS["returned"])
    assert not lab.kernel.finish(first).error
    sleeping = lab.kernel.start("print('asleep')\nimport time; time.sleep(30)")
    wait_until(lambda: lab.kernel.printed(sleeping) != "")
    lab.kernel.interrupt()
    assert lab.kernel.finish(sleeping).error == "KeyboardInterrupt"
    sent = len(request.words)
    wait_until(lambda: len(request.words) > sent + 5)
    assert lab.kernel.value("turn.stop()") is True
    assert request.closed.wait(END_S)
    lab.check_aborted(request)


def test_stop_from_another_thread_ends_the_cell_that_awaits(lab: Lab) -> None:
    running, request = lab.start(
        "def stop():\n"
        "    while 'word20 ' not in turn.text:\n        time.sleep(0.01)\n"
        "    turn.stop()\n"
        "turn = chat.send('go')\n"
        "asyncio.get_running_loop().call_soon(threading.Thread(target=stop).start)\n"
        "await turn"
    )
    assert request.closed.wait(END_S)
    assert not lab.kernel.finish(running).error
    lab.check_aborted(request)


def test_a_page_is_heard_after_another_one_closed_and_took_its_subshell_away(lab: Lab) -> None:
    if not lab.kernel.has_subshells:
        return
    lab.open("subshell")
    _, request = lab.start(CELLS["returned"], "subshell")
    lab.click("subshell")
    assert request.closed.wait(END_S)
    wait_until(lambda: lab.kernel.value("chat.status") == "idle")
    lab.close_page()
    lab.open("subshell")  # while no turn runs
    _, request = lab.start(CELLS["returned"])
    lab.close_page()
    sent = len(request.words)
    wait_until(lambda: len(request.words) > sent + 60)
    lab.open("subshell")  # while one runs
    _, request_id = lab.click("subshell")
    assert request.closed.wait(END_S)
    wait_until(lambda: lab.answers(request_id) == [True])
    lab.check_aborted(request)


def test_a_page_too_slow_to_paint_is_still_heard_beside_a_blocking_cell(lab: Lab) -> None:
    if not lab.kernel.has_subshells:
        return
    lab.open("subshell")
    told = lab.news()
    running, request = lab.start(CELLS["blocking"])  # and nothing of it is painted
    # The window is full, and its patience lost more than once.
    wait_until(lambda: lab.news() > told + WINDOW + 3)
    _, request_id = lab.click("subshell")
    assert request.closed.wait(END_S)
    wait_until(lambda: lab.answers(request_id) == [True])
    assert not lab.kernel.finish(running).error
    lab.check_aborted(request)


TOOLS = f"""
from dispatch_nb.engine.contracts import Finish, TextDelta, ToolCall
told, release, late = [], threading.Event(), threading.Event()
began = threading.Semaphore(0)

def watch() -> None:
    began.acquire(), began.acquire()
    print("both began", flush=True)

async def dream() -> str:
    "Dream on."
    told.append("dreams")
    began.release()
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        told.append("cancelled")
        raise

def dig() -> str:
    "Dig deep."
    told.append("digs")
    began.release()
    release.wait(60)
    late.set()
    return "gold"

calls = [ToolCall("c1", "dream", {{}}), ToolCall("c2", "dig", {{}}), Finish("tool_calls")]
answer = [TextDelta("{SHORT_ANSWER}"), Finish("stop")]
provider = dn.ScriptedProvider(steps=[calls, answer], pace=0)
busy = dn.Chat(provider, tools=[dream, dig], dispatch=dn.DispatchPolicy(max_concurrent=0))
"""


def test_an_interrupt_cancels_async_tools_and_ignores_what_sync_tools_say_later(lab: Lab) -> None:
    lab.kernel.run(TOOLS)
    running = lab.kernel.start(
        "work = busy.send('go')\nasyncio.get_running_loop().call_soon(beside, watch)\nawait work"
    )
    wait_until(lambda: lab.kernel.printed(running) != "")
    lab.kernel.interrupt()
    assert lab.kernel.finish(running).error in {"KeyboardInterrupt", "CancelledError"}
    assert sorted(lab.kernel.value("told")) == ["cancelled", "digs", "dreams"]
    lab.kernel.run("release.set(); assert late.wait(60)")
    assert lab.kernel.value("work.finish_reason") == "aborted"
    assert lab.kernel.value("list(busy.tool_calls.result)") == ["Aborted", "Aborted"]
    assert lab.kernel.value("busy.send('and now?').result(60).text") == SHORT_ANSWER

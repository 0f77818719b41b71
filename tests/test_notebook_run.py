"""A notebook that is run without a browser keeps the conversation in its widget state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.endless_server import SHORT_ANSWER, SHORTLY, endless_server
from tests.kernels import (
    IS_WAITING,
    KERNEL_NAME,
    TRIED,
    VERSIONS,
    close_client_loop,
    kernel_environment,
    kernel_specs,
)

WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
ASK = f"chat.send('Tell me {SHORTLY}')"
RUNS = {
    "in one cell": [f"await {ASK}"],
    "in a later cell": [f"turn = {ASK}", "import time; time.sleep(0.5)", "await turn"],
    "blocking": [f"{ASK}.result()"],
    "stopped": ["turn = chat.send('Go on')", "turn.stop()", "await turn"],
    "interrupted": [
        IS_WAITING + "import _thread, time\n"
        # The wait for the last words is for the person; a busy machine needs longer.
        "import dispatch_nb.conversation.turn as waits\nwaits.LAST_WORDS_S = 30\n"
        "def interrupt():\n"
        "    while 'word1 ' not in turn.text or not is_waiting():\n        time.sleep(0.01)\n"
        "    _thread.interrupt_main()\n"
        "turn = chat.send('Go on')\n"
        "try:\n    threading.Thread(target=interrupt).start()\n    turn.result()\n"
        "except KeyboardInterrupt:\n    pass"
    ],
}


def run_notebook(version: str, folder: Path) -> dict[str, dict[str, Any]]:
    """Run a notebook with a chat for each of `RUNS`; return their states as it keeps them."""
    with endless_server() as server:
        sources = ["import dispatch_nb as dn"]
        for name, cells in RUNS.items():
            sources.append(
                f"chat = dn.Chat('openai:m', base_url={server.base_url!r}, api_key='k',"
                f" conversation={name!r})\nchat"
            )
            sources += cells
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in sources]
        )
        kernel_specs(version, folder)
        try:
            client = NotebookClient(notebook, kernel_name=KERNEL_NAME, timeout=60, iopub_timeout=60)
            client.execute(env=kernel_environment(folder), cwd=str(folder))
        finally:
            close_client_loop()
    states = [each["state"] for each in notebook.metadata.widgets[WIDGET_STATE]["state"].values()]
    return {state["conversation_id"]: state for state in states if "conversation_id" in state}


@pytest.mark.parametrize("version", TRIED)
def test_a_notebook_run_without_a_browser_keeps_whole_turns(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    states = run_notebook(VERSIONS[version], tmp_path)
    kept = {
        name: [stored["chunk"]["text"] for stored in state["saved"]["transcript"]["committed"]]
        for name, state in states.items()
    }
    answered = [f"Tell me {SHORTLY}", SHORT_ANSWER]
    assert kept.pop("interrupted")[1].startswith("word0 word1 ")
    assert kept.pop("stopped")[0] == "Go on"
    assert kept == dict.fromkeys(["in one cell", "in a later cell", "blocking"], answered)
    assert {state["status"] for state in states.values()} == {"idle"}

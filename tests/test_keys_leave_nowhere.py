"""A planted key is looked for wherever a run in a real kernel could have left it."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nbformat
import pytest
from nbclient import NotebookClient

from tests.kernels import (
    INSTALLED,
    KERNEL_NAME,
    close_client_loop,
    kernel_environment,
    kernel_specs,
)
from tests.raw_server import delta, sse

SECRETS = {
    "given": "sk-given-0123456789abcdef",
    "environment": "sk-environment-0123456789",
    "password": "pass/word-0123456789",
    "query": "query-0123456789abcdef",
    "header": "header-0123456789abcdef",
    "turn": "turn-header-0123456789",
    "proxy": "proxy-password-012345",
}

PROMPTS = ("hello", "refuse", "break", "page", "model", "cut")


@contextlib.contextmanager
def telltale() -> Iterator[tuple[str, list[str]]]:
    """Run a server that repeats all it was sent in its errors; yield its address and that."""
    seen: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            login = self.headers.get("Authorization", "").removeprefix("Basic ")
            told = f"{self.path} {dict(self.headers)}"
            with contextlib.suppress(ValueError):
                told += base64.b64decode(login, validate=True).decode("utf-8", "replace")
            seen.append(told)
            said = str(json.loads(body)["messages"][-1]["content"])
            # After a failed turn the next prompt stands behind that one's: the last word counts.
            prompt = max(PROMPTS, key=said.rfind)
            error = {"error": {"message": f"You sent {told}", "code": told, "type": told}}
            if prompt == "refuse":
                self.answer(401, json.dumps(error).encode())
            elif prompt == "break":
                self.answer(200, sse(delta(content="Some words."), error))
            elif prompt == "page":
                self.answer(200, f"<html>{told}</html>".encode())
            elif prompt == "model":
                wrong = {"error": {"message": f"unknown model {told}", "code": "model_not_found"}}
                self.answer(404, json.dumps(wrong).encode())
            elif prompt == "cut":
                self.answer(200, sse(delta(content="Some words.")))
            else:
                self.answer(200, sse(delta(content="Hello.", finish="stop"), "[DONE]"))

        def do_GET(self) -> None:
            self.answer(403, json.dumps({"error": f"You sent {dict(self.headers)}"}).encode())

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing on the terminal."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# What a cell itself says stands in the notebook, so no cell says a secret: they are in a file.
BEGIN = """
import json, logging, os, traceback
logging.basicConfig(filename="log.txt", level=logging.DEBUG, force=True)
S = type("S", (), {"__getitem__": lambda self, name: json.load(open("secrets.json"))[name]})()
import dispatch_nb as dn
from pydantic import SecretStr
QUICK = type("Quick", (), {
    "delay_for": lambda self, attempt, failure, waited_ms: 1 if attempt < 1 else None,
    "sleep": lambda self, delay_ms, signal: __import__("asyncio").sleep(0),
})()

def show_all(error):
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    print("".join(told.format(chain=True)))
"""
CELLS = [
    "%xmode Verbose",
    "chat = dn.Chat('openai:m', base_url=S['url'], api_key=S['given'], store='lab.db',"
    " conversation='c', extra_headers={'X-Gate': S['header']}, retry=QUICK)\nchat",
    "await chat.send('hello', extra_headers={'X-Turn': S['turn']})",
    *(
        f"await chat.send('{prompt}', extra_headers={{'X-Turn': S['turn']}})"
        for prompt in PROMPTS[1:]
    ),
    "try:\n    chat.send('refuse').result()\nexcept Exception as error:\n    show_all(error)",
    "login = dn.Chat('openai:m', base_url=S['login_url'], store='lab.db', retry=QUICK)\nlogin",
    "await login.send('hello')",
    "await login.send('refuse')",
    "await login.send('break')",
    # Wrong in ways that are found at once, with the key among the arguments.
    "dn.Chat('nope:m', api_key=S['given'], base_url=S['login_url'])",
    "dn.Chat('openai:m', api_key=S['given'].encode())",
    "dn.Chat('openai:m', api_key=S['given'] + '…')",
    "dn.Chat('openai:m', api_key=S['given'], base_url='ftp' + S['login_url'])",
    "dn.Chat('openai:m', api_key=S['given'], temperature='hot')",
    "dn.Chat('openai:m', api_key=S['given'], extra_headers=[S['header']])",
    "dn.Store('lab.db').chat('none', api_key=S['given'])",
    "dn.models('openai:', base_url=S['login_url'], api_key=S['given'])",
    "dn.models('openai:', base_url=S['dead_url'], api_key=S['given'])",
    "import pickle\nfrom dispatch_nb.providers import OpenAIProvider\n"
    "pickle.dumps(OpenAIProvider('m', api_key=S['given']))",
    "try:\n    dn.models('openai:', base_url=S['dead_url'], api_key=SecretStr(S['given']))\n"
    "except Exception as error:\n    show_all(error)",
    "dead = dn.Chat('openai:m', base_url=S['dead_url'], api_key=S['given'], retry=QUICK)\ndead",
    "await dead.send('hello')",
    # The key of the environment, on its way to its owner by a proxy that is not there.
    "os.environ['OPENAI_API_KEY'] = S['environment']\n"
    "os.environ['HTTPS_PROXY'] = S['proxy_url']\n"
    "own = dn.Chat('openai:m', store='lab.db', retry=QUICK)\nown",
    "await own.send('hello')",
    "print(repr(chat), repr(chat._conversation), vars(chat._conversation))",
    "for name in ('chunks', 'messages', 'turns', 'steps', 'tool_calls', 'deltas', 'usage'):\n"
    "    frame = getattr(chat, name)\n"
    "    frame.to_csv(name + '.csv')\n    frame.to_parquet(name + '.parquet')\n"
    "    frame.to_json(name + '.json')\n"
    "print(chat.history().model_dump_json(), chat.get_state(), str(chat.events()))",
]


def test_a_planted_key_is_in_no_notebook_store_log_traceback_widget_or_export(
    tmp_path: Path, dead_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "jupyter"))
    for name in ("OPENAI_API_KEY", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    work, kept = tmp_path / "work", tmp_path / "kept"
    work.mkdir()
    kept.mkdir()
    (tmp_path / "jupyter").mkdir()
    with telltale() as (place, seen):
        login = f"me:{quote(SECRETS['password'], safe='')}@"
        dead = f"127.0.0.1:{dead_port}"
        addresses = {
            "url": f"http://{place}/v1?key={SECRETS['query']}",
            "login_url": f"http://{login}{place}/v1",
            "dead_url": f"http://{login}{dead}/v1?key={SECRETS['query']}",
            "proxy_url": f"http://me:{SECRETS['proxy']}@{dead}",
        }
        (kept / "secrets.json").write_text(json.dumps(SECRETS | addresses))
        (work / "secrets.json").symlink_to(kept / "secrets.json")
        notebook = run(tmp_path / "jupyter", work)
    (work / "notebook.ipynb").write_text(nbformat.writes(notebook), encoding="utf-8")
    (work / "secrets.json").unlink()

    sent = "\n".join(seen)
    for name in ("given", "password", "query", "header", "turn"):
        assert SECRETS[name] in sent, f"the server never got the secret '{name}'"
    check_that_it_went_as_meant(notebook, work)
    forms = {
        name: {value, quote(value, safe=""), base64.b64encode(value.encode()).decode()}
        for name, value in SECRETS.items()
    }
    forms["password"].add(base64.b64encode(f"me:{SECRETS['password']}".encode()).decode())
    found = [
        f"'{name}' in {path.name}"
        for path in sorted(work.rglob("*"))
        if path.is_file()
        for name, values in forms.items()
        if any(value.encode() in path.read_bytes() for value in values)
    ]
    assert found == []


def run(jupyter: Path, work: Path) -> Any:
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in (BEGIN, *CELLS)]
    )
    kernel_specs(INSTALLED, jupyter)
    try:
        client = NotebookClient(
            notebook, kernel_name=KERNEL_NAME, timeout=60, iopub_timeout=60, allow_errors=True
        )
        client.execute(env=kernel_environment(jupyter), cwd=str(work))
    finally:
        close_client_loop()
    return notebook


def check_that_it_went_as_meant(notebook: Any, work: Path) -> None:
    """Assert that the errors, logs and stores were there, in which a key could have been."""
    told = nbformat.writes(notebook)
    for words in (
        "TurnFailedError",
        "The API key was refused",
        "broke off its answer with an error",
        "is not a chat completion",
        "unknown model",
        "broke off before the answer was complete",
        "is not a known provider",
        "must be text, not bytes",
        "holds a character that no key has",
        "is not an http address",
        "temperature must be a number",
        "A key is never pickled",
        "No connection to the proxy",
        "No connection to http",
        "HTTP 403",
        "extra_headers must be",
    ):
        assert words in told, words
    errors = [
        output
        for cell in notebook.cells
        for output in cell.outputs
        if output.output_type == "error"
    ]
    assert len(errors) >= 16
    assert "HTTP Request: POST" in (work / "log.txt").read_text(encoding="utf-8")
    assert list(work.glob("*.db*"))
    assert len(list(work.glob("*.parquet"))) == 7

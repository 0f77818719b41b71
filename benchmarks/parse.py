"""What it costs to read a stream: CPU per token, beside raw httpx and the vendors' clients.

Run it as ``python benchmarks/parse.py``. A server in another process sends answers of
20,000 tokens over loopback, in the bytes of three APIs. All clients read the same bytes,
check the text they gather, and take turns, so that a busy machine slows all of them.
Ours is the whole provider: its events are consumed and the text is put together.

The vendors' clients live in an environment of their own::

    python -m venv peers && peers/bin/pip install openai anthropic httpx
    python benchmarks/parse.py --peers peers/bin/python
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import httpx
from measuring import say_machine, table, verdict
from pydantic_core import from_json

from dispatch_nb.engine.contracts import Failure, Provider, ProviderOptions, TextDelta, UsageReport
from dispatch_nb.providers import AnthropicProvider, OpenAIProvider, OpenAIResponsesProvider
from dispatch_nb.wire.conversation import ChatMessage, TextChunk

HERE = Path(__file__).parent
APIS: dict[str, tuple[Callable[..., Provider], str]] = {
    "openai": (OpenAIProvider, "chat/completions"),
    "responses": (OpenAIResponsesProvider, "responses"),
    "anthropic": (AnthropicProvider, "messages"),
}
RAW = "httpx bytes + line split + json"
FAST = "httpx bytes + line split + pydantic_core"
OURS = "dispatch_nb, the whole provider"


@dataclass
class Client:
    """A way to read one answer: its length and the CPU seconds; and these by round."""

    api: str
    name: str
    read: Callable[[], tuple[int, float]]
    seconds: list[float] = field(default_factory=list)


def text_in(api: str, data: Any) -> str:
    """Return the text of one decoded frame, as a client of this very server would."""
    if api == "openai":
        choices = data["choices"]
        return (choices[0]["delta"].get("content") or "") if choices else ""
    if api == "responses":
        return data["delta"] if data["type"] == "response.output_text.delta" else ""
    return data["delta"]["text"] if data["type"] == "content_block_delta" else ""


def raw(url: str) -> int:
    """Read the bytes and do nothing with them."""
    with httpx.Client(trust_env=False) as client, client.stream("POST", url, json={}) as response:
        for _ in response.iter_raw():
            pass
    return 0


async def raw_async(url: str) -> int:
    """Read the bytes on an event loop and do nothing with them."""
    async with (
        httpx.AsyncClient(trust_env=False) as client,
        client.stream("POST", url, json={}) as response,
    ):
        async for _ in response.aiter_bytes():
            pass
    return 0


def decoded(url: str, api: str, loads: Callable[..., Any]) -> int:
    """Split lines, decode JSON and join the text, as short as it can be written."""
    parts, rest = [], b""
    with httpx.Client(trust_env=False) as client, client.stream("POST", url, json={}) as response:
        for piece in response.iter_bytes():
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                if line.startswith(b"data: {"):
                    parts.append(text_in(api, loads(line[6:])))
    return len("".join(parts))


async def ours(base_url: str, api: str) -> int:
    """Read with our provider: every event consumed, the text put together."""
    provider = APIS[api][0]("m", base_url=base_url, api_key="none")
    prompt = ChatMessage(role="user", chunks=[TextChunk(text="go")])
    parts, usage = [], None
    async for event in provider.stream([prompt], [], ProviderOptions()):
        if isinstance(event, TextDelta):
            parts.append(event.delta)
        elif isinstance(event, UsageReport):
            usage = event
        elif isinstance(event, Failure):
            raise RuntimeError(event.message)
    assert usage is not None
    return len("".join(parts))


def run(read: Callable[..., Coroutine[Any, Any, int]], *arguments: str) -> int:
    """Read on an event loop of its own."""
    return asyncio.run(read(*arguments))


@contextlib.contextmanager
def running(*argv: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program whose output and input are lines, until the block ends."""
    process = subprocess.Popen(
        [*argv], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def answer(process: subprocess.Popen[str], line: str = "") -> str:
    """Return the next line that a program prints, after it was told `line`."""
    assert process.stdin is not None
    assert process.stdout is not None
    if line:
        process.stdin.write(f"{line}\n")
    said = process.stdout.readline()
    if not said:
        raise RuntimeError(f"{process.args!r} ended.")
    return said.strip()


def timed(read: Callable[[], int]) -> Callable[[], tuple[int, float]]:
    """Return `read` with the CPU seconds that it takes."""

    def timed_read() -> tuple[int, float]:
        started = process_time()
        return read(), process_time() - started

    return timed_read


def measure(client: Client, length: int, *, keep: bool) -> None:
    """Let a client read once, and check what it read (0: it does not look)."""
    read, seconds = client.read()
    if read not in (0, length):
        raise RuntimeError(f"{client.name} read {read} characters, not {length}.")
    if keep:
        client.seconds.append(seconds)


def their_clients(peers: subprocess.Popen[str]) -> list[Client]:
    """Return what is measured in the process of the vendors' clients."""

    def read(api: str, name: str) -> tuple[int, float]:
        said = json.loads(answer(peers, json.dumps([api, name])))
        return said["length"], said["seconds"]

    names: list[tuple[str, str]] = json.loads(answer(peers))
    return [Client(api, name, partial(read, api, name)) for api, name in names]


def our_clients(address: str) -> list[Client]:
    """Return what is measured in this process."""
    clients = []
    for api, (_, path) in APIS.items():
        base = f"{address}/{api}/v1"
        url = f"{base}/{path}"
        reads: dict[str, Callable[[], int]] = {
            "httpx iter_raw": partial(raw, url),
            "httpx aiter_bytes": partial(run, raw_async, url),
            FAST: partial(decoded, url, api, from_json),
            RAW: partial(decoded, url, api, json.loads),
            OURS: partial(run, ours, base, api),
        }
        clients += [Client(api, name, timed(read)) for name, read in reads.items()]
    return clients


def main() -> None:
    """Run everything and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", help="a Python that has openai and anthropic")
    arguments = parser.parse_args()
    say_machine()
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(
            running(sys.executable, str(HERE / "parse_server.py"), str(arguments.tokens))
        )
        address, length = f"http://127.0.0.1:{answer(server)}", int(answer(server))
        mine, theirs = our_clients(address), list[Client]()
        if arguments.peers:
            peers = running(arguments.peers, str(HERE / "parse_peers.py"), address)
            theirs = their_clients(stack.enter_context(peers))
        else:
            print("The vendors' clients are not measured: --peers names no Python with them.\n")
        for number in range(arguments.rounds + 1):
            for client in [*mine, *theirs]:
                measure(client, length, keep=number > 0)  # the first round fills caches
    report([*mine, *theirs], arguments.tokens)


def report(clients: list[Client], tokens: int) -> None:
    """Print the table, and whether the aims are met."""
    cost = {(c.api, c.name): 1e6 * median(c.seconds) / tokens for c in clients}
    rows = [["API", "client", "CPU a token", "to raw + json", "of ours"]]
    for api in APIS:
        base, mine = cost[api, RAW], cost[api, OURS]
        for (its_api, name), micros in sorted(cost.items(), key=lambda item: item[1]):
            if its_api == api:
                rows.append(
                    [api, name, f"{micros:.2f} µs", f"{micros / base:.2f}", f"{micros / mine:.2f}"]
                )
    table(rows)
    for api in APIS:
        ratio = cost[api, OURS] / cost[api, RAW]
        print(verdict(ratio <= 3, f"{api}: at most 3 times raw httpx with json ({ratio:.2f})"))
        ratio = cost[api, OURS] / cost[api, FAST]
        print(verdict(ratio <= 3, f"{api}: the same with the faster pydantic_core ({ratio:.2f})"))
        for (its_api, name), micros in cost.items():
            if its_api == api and "iterated" in name:
                share = micros / cost[api, OURS]
                print(verdict(share >= 5, f"{api}: at most a fifth of {name} (1/{share:.1f})"))


if __name__ == "__main__":
    main()

"""What stands between a provider and a subscriber, in events per second and in milliseconds.

Run it as ``python benchmarks/engine.py``. Every event goes the whole way: provider, engine,
journal, a store in a file, subscriber. The raw limits are measured in the same run: the
same statements in the same transactions with the sqlite3 module alone, and the same bytes
read with httpx alone.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, sleep

import httpx
from measuring import Cpu, CpuWatch, Recording, open_raw, percentile, say_machine, table, verdict

from dispatch_nb.compose import open_conversation, open_store
from dispatch_nb.engine.contracts import (
    Finish,
    Provider,
    ProviderEvent,
    ProviderOptions,
    TextDelta,
    Tool,
)
from dispatch_nb.providers.openai import OpenAIProvider
from dispatch_nb.store.rows import EventRow
from dispatch_nb.wire.conversation import ChatMessage

TOKEN = "tok "

SERVER = """
import http.server, json, sys
chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices":
         [{"index": 0, "delta": {"content": "tok "}, "finish_reason": None}]}
last = {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
frames = [chunk] * int(sys.argv[1]) + [last]
body = "".join(f"data: {json.dumps(frame)}\\n\\n" for frame in frames) + "data: [DONE]\\n\\n"
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        self.wfile.write(body.encode())
    def log_message(self, *arguments):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


@dataclass
class Pacer:
    """A provider that sends `count` tokens, `rate` a second (0: as fast as they are taken)."""

    count: int
    rate: float
    sent: list[float] = field(default_factory=list)
    id: str = "pacer"

    async def stream(
        self, messages: Sequence[ChatMessage], tools: Sequence[Tool], options: ProviderOptions
    ) -> AsyncIterator[ProviderEvent]:
        """Yield the tokens, each noted at the moment it is handed over."""
        due = perf_counter()
        for _ in range(self.count):
            if self.rate:
                due += 1 / self.rate
                await asyncio.sleep(max(0.0, due - perf_counter()))
            self.sent.append(perf_counter())
            yield TextDelta(TOKEN)
        yield Finish("stop")


class Watcher:
    """A subscriber that notes when it is shown each token."""

    def __init__(self) -> None:
        self.shown: list[float] = []
        self.events = 0
        self.ended_at = 0.0

    def on_events(self, rows: Sequence[EventRow]) -> None:
        """Note the moment."""
        now = perf_counter()
        self.events += len(rows)
        self.ended_at = now
        self.shown.extend(now for row in rows if row.event.type == "text-delta")

    def on_status(self) -> None:
        """Do nothing."""

    def on_reset(self) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class Run:
    """What a run gave: events shown, from the first prompt to the last event, and delays."""

    events: int
    seconds: float
    delays_ms: list[float]
    cpu: Cpu

    @property
    def cost(self) -> list[str]:
        """The cells of a table that tell what it took."""
        return [f"{1e6 * self.cpu.own / self.events:.0f} µs", f"{self.cpu.foreign:.1f}"]

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds


def run(path: Path, providers: Sequence[Provider]) -> Run:
    """Hold one turn with every provider at once, in conversations of one store."""
    store = open_store(path)
    # What is done once in a process is not the stream's: statements, imports, threads.
    open_conversation(Pacer(50, 0), store=store).send("warm up").result()
    chats = [open_conversation(provider, store=store) for provider in providers]
    watchers = [Watcher() for _ in chats]
    for chat, watcher in zip(chats, watchers, strict=True):
        chat.subscribe(watcher)
    gc.collect()
    started, cpu = perf_counter(), CpuWatch()
    turns = [chat.send("go") for chat in chats]
    for turn in turns:
        turn.result()
    seconds = max(watcher.ended_at for watcher in watchers) - started
    used = cpu.read()
    delays = [
        1000 * (shown - sent)
        for provider, watcher in zip(providers, watchers, strict=True)
        if isinstance(provider, Pacer)
        for sent, shown in zip(provider.sent, watcher.shown, strict=True)
    ]
    store.close()
    return Run(sum(watcher.events for watcher in watchers), seconds, delays, used)


def throughput(folder: Path, chats: int, tokens: int) -> list[str]:
    """Measure events a second as fast as they go, against the same writes done raw."""
    done = run(folder / f"fast{chats}.db", [Pacer(tokens, 0) for _ in range(chats)])
    recording = Recording()
    with recording.running():
        recorded = run(folder / f"recorded{chats}.db", [Pacer(tokens, 0) for _ in range(chats)])
    raw = recorded.events / recording.replay(folder / f"raw{chats}.db")
    return [
        f"{chats} chat(s), as fast as they go",
        f"{done.rate:,.0f} events/s",
        f"{raw:,.0f} events/s (sqlite3)",
        f"{done.rate / raw:.2f}",
        *done.cost,
        verdict(done.rate >= 20_000, "20,000 events/s", done.cpu),
    ]


def raw_delays(path: Path, count: int, rate: float) -> list[float]:
    """Return the milliseconds of single-row transactions at a steady rate, with sqlite3 alone."""
    connection = open_raw(path)
    delays = []
    due = perf_counter()
    for n in range(count):
        due += 1 / rate
        sleep(max(0.0, due - perf_counter()))
        started = perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "INSERT INTO events VALUES ('c', ?, 't', 'text-delta', 1, 1, ?)", (n, "x" * 120)
        )
        connection.execute("COMMIT")
        delays.append(1000 * (perf_counter() - started))
    connection.close()
    return delays


def latency(folder: Path, chats: int, rate: float, seconds: float) -> list[str]:
    """Measure how much later than from its provider a token comes to a subscriber."""
    count = round(rate * seconds)
    done = run(folder / f"paced{chats}.db", [Pacer(count, rate) for _ in range(chats)])
    raw = raw_delays(folder / f"rawpaced{chats}.db", min(count, 1000), min(rate, 200))
    p50, p99 = percentile(done.delays_ms, 50), percentile(done.delays_ms, 99)
    raw50, raw99 = percentile(raw, 50), percentile(raw, 99)
    return [
        f"{chats} chat(s) at {rate:g} tokens/s each, {done.rate:,.0f} events/s",
        f"p50 {p50:.2f} ms, p99 {p99:.2f} ms",
        f"p50 {raw50:.2f} ms, p99 {raw99:.2f} ms (sqlite3)",
        f"{p50 / raw50:.1f}, {p99 / raw99:.1f}",
        *done.cost,
        verdict(p99 < 5, "p99 < 5 ms", done.cpu) if chats == 1 else "",
    ]


async def read_raw(url: str) -> float:
    """Return the seconds that httpx takes for the bytes of an answer, and nothing done to them."""
    async with httpx.AsyncClient(trust_env=False) as client:
        started = perf_counter()
        async with client.stream("POST", f"{url}/chat/completions", json={}) as response:
            async for _ in response.aiter_bytes():
                pass
        return perf_counter() - started


def over_http(folder: Path, tokens: int) -> list[str]:
    """Measure events a second from a server of the OpenAI protocol in another process."""
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(tokens)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        raw = tokens / min(asyncio.run(read_raw(url)) for _ in range(3))
        provider = OpenAIProvider(model="m", base_url=url, api_key="none")
        done = run(folder / "http.db", [provider])
    finally:
        server.kill()
        server.communicate()
    return [
        "1 chat from a local server",
        f"{done.rate:,.0f} events/s",
        f"{raw:,.0f} events/s (httpx)",
        f"{done.rate / raw:.2f}",
        *done.cost,
        "",
    ]


def main() -> None:
    """Run everything and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="length of the paced runs")
    parser.add_argument("--tokens", type=int, default=40_000, help="tokens of the fast runs")
    parser.add_argument("--folder", type=Path, help="where the stores are written")
    arguments = parser.parse_args()
    say_machine()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        table(
            [
                ["what", "dispatch_nb", "raw limit", "ratio", "CPU each", "foreign cores", "aim"],
                throughput(folder, 1, arguments.tokens),
                throughput(folder, 200, arguments.tokens // 100),
                over_http(folder, arguments.tokens),
                latency(folder, 1, 200, arguments.seconds),
                latency(folder, 200, 50, arguments.seconds),
            ]
        )


if __name__ == "__main__":
    main()

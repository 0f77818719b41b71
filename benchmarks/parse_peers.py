"""The vendors' own clients for `parse.py`: run by a Python that has them, told what to read.

Prints the clients it has; then, for each line that names one, what it read and the CPU
seconds that it took.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from time import process_time
from typing import Any, TypeAlias

Clients: TypeAlias = dict[tuple[str, str], Callable[[], int]]
PROMPT = [{"role": "user", "content": "go"}]


def _openai(address: str) -> Clients:
    openai = import_module("openai")
    chat = openai.OpenAI(base_url=f"{address}/openai/v1", api_key="none")
    chat_async = openai.AsyncOpenAI(base_url=f"{address}/openai/v1", api_key="none")
    responses = openai.OpenAI(base_url=f"{address}/responses/v1", api_key="none")
    name = f"openai {openai.__version__}"

    def texts(chunks: Any) -> Iterator[str]:
        for chunk in chunks:
            if chunk.choices and chunk.choices[0].delta.content:
                yield chunk.choices[0].delta.content

    def iterated() -> int:
        chunks = chat.chat.completions.create(model="m", messages=PROMPT, stream=True)
        return len("".join(texts(chunks)))

    async def iterated_async() -> int:
        parts: list[str] = []
        async for chunk in await chat_async.chat.completions.create(
            model="m", messages=PROMPT, stream=True
        ):
            parts += texts([chunk])
        return len("".join(parts))

    def helper() -> int:
        with chat.chat.completions.stream(model="m", messages=PROMPT) as stream:
            for _ in stream:
                pass
            return len(stream.get_final_completion().choices[0].message.content)

    def responses_iterated() -> int:
        events = responses.responses.create(model="m", input="go", stream=True)
        kind = "response.output_text.delta"
        return len("".join(event.delta for event in events if event.type == kind))

    loop = asyncio.new_event_loop()
    return {
        ("openai", f"{name} iterated"): iterated,
        ("openai", f"{name} iterated, async"): lambda: loop.run_until_complete(iterated_async()),
        ("openai", f"{name} stream helper"): helper,
        ("responses", f"{name} iterated"): responses_iterated,
    }


def _anthropic(address: str) -> Clients:
    anthropic = import_module("anthropic")
    client = anthropic.Anthropic(base_url=f"{address}/anthropic", api_key="none")
    name = f"anthropic {anthropic.__version__}"
    request: dict[str, Any] = {"model": "m", "messages": PROMPT, "max_tokens": 9}

    def iterated() -> int:
        parts = []
        for event in client.messages.create(stream=True, **request):
            if event.type == "content_block_delta":
                parts.append(event.delta.text)
        return len("".join(parts))

    def helper() -> int:
        with client.messages.stream(**request) as stream:
            return len(stream.get_final_text())

    return {
        ("anthropic", f"{name} plain stream"): iterated,
        ("anthropic", f"{name} stream helper"): helper,
    }


def main() -> None:
    """Answer line by line until the input ends."""
    clients: Clients = {}
    for make in (_openai, _anthropic):
        try:
            clients |= make(sys.argv[1])
        except ImportError as error:
            print(f"Not measured: {error}.", file=sys.stderr)
    print(json.dumps(list(clients)), flush=True)
    for line in sys.stdin:
        read = clients[tuple(json.loads(line))]
        started = process_time()
        length = read()
        print(json.dumps({"length": length, "seconds": process_time() - started}), flush=True)


if __name__ == "__main__":
    main()

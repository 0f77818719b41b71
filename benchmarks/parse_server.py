"""The server of `parse.py`: answers of so many tokens, in the bytes of three APIs.

Prints its port and the number of characters of the text.
"""

from __future__ import annotations

import http.server
import json
import sys
from typing import Any

WORDS = ("the ", "model ", "says ", "naïve ", "things, ", "\n", "x = 1 ", "東京 ")


def frame(data: dict[str, Any], *, event: str = "") -> bytes:
    """Return one event."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"event: {event}\ndata: {text}\n\n".encode() if event else f"data: {text}\n\n".encode()


def chat(words: list[str]) -> bytes:
    """Return an answer of chat completions."""
    head = {
        "id": "chatcmpl-CabcdefGHIJK",
        "object": "chat.completion.chunk",
        "created": 1760000000,
        "model": "gpt-4o-2024-08-06",
        "service_tier": "default",
        "system_fingerprint": "fp_0123456789",
    }

    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return frame({**head, "choices": [choice], "usage": None})

    counts = {"prompt_tokens": 8, "completion_tokens": len(words), "total_tokens": len(words) + 8}
    return b"".join(
        [
            chunk({"role": "assistant", "content": "", "refusal": None}),
            *(chunk({"content": word}) for word in words),
            chunk({}, "stop"),
            frame({**head, "choices": [], "usage": counts}),
            b"data: [DONE]\n\n",
        ]
    )


def responses(words: list[str]) -> bytes:
    """Return an answer of Responses."""
    numbers = iter(range(1 << 40))

    def send(kind: str, **fields: Any) -> bytes:
        event = f"response.{kind}"
        return frame({"type": event, "sequence_number": next(numbers), **fields}, event=event)

    item = {"id": "msg_0123456789abcdef", "type": "message", "role": "assistant"}
    place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    response: dict[str, Any] = {
        "id": "resp_0123456789abcdef",
        "object": "response",
        "created_at": 1760000000,
        "model": "gpt-5",
        "status": "in_progress",
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
    text = {"type": "output_text", "text": "".join(words), "annotations": [], "logprobs": []}
    usage = {
        "input_tokens": 8,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": len(words),
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": len(words) + 8,
    }
    whole = {**item, "status": "completed", "content": [text]}
    done = {**response, "status": "completed", "output": [whole], "usage": usage}
    return b"".join(
        [
            send("created", response=response),
            send(
                "output_item.added",
                output_index=0,
                item={**item, "status": "in_progress", "content": []},
            ),
            send("content_part.added", part={**text, "text": ""}, **place),
            *(send("output_text.delta", delta=word, logprobs=[], **place) for word in words),
            send("output_text.done", text=text["text"], logprobs=[], **place),
            send("content_part.done", part=text, **place),
            send("output_item.done", output_index=0, item=whole),
            send("completed", response=done),
        ]
    )


def messages(words: list[str]) -> bytes:
    """Return an answer of Messages."""

    def send(kind: str, **fields: Any) -> bytes:
        return frame({"type": kind, **fields}, event=kind)

    message: dict[str, Any] = {
        "id": "msg_0123456789abcdef",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 8, "output_tokens": 1},
    }
    return b"".join(
        [
            send("message_start", message=message),
            send("content_block_start", index=0, content_block={"type": "text", "text": ""}),
            *(
                send("content_block_delta", index=0, delta={"type": "text_delta", "text": word})
                for word in words
            ),
            send("content_block_stop", index=0),
            send(
                "message_delta",
                delta={"stop_reason": "end_turn", "stop_sequence": None},
                usage={"output_tokens": len(words)},
            ),
            send("message_stop"),
        ]
    )


def main() -> None:
    """Serve until the process is ended."""
    words = [WORDS[number % len(WORDS)] for number in range(int(sys.argv[1]))]
    bodies = {"openai": chat(words), "responses": responses(words), "anthropic": messages(words)}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            body = bodies[self.path.split("/")[1]]
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    print(len("".join(words)), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()

"""What a message asks for, as it goes over the wire of each API to a server on loopback."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import dispatch_nb as dn
from dispatch_nb.store import Store
from tests.raw_server import serving
from tests.test_images import PNG

KEY = "sk-planted-0123456789abcdef"
WHOLE = base64.b64encode(PNG).decode()
SAID = '{"animal": "cat", "count": 2}'


class Seen(BaseModel):
    """What a picture shows."""

    animal: str
    count: int = 1


def sse(*events: dict[str, Any], named: bool = False) -> list[bytes]:
    names = [f"event: {event['type']}\n" if named else "" for event in events]
    return [
        f"{name}data: {json.dumps(event)}\n\n".encode()
        for name, event in zip(names, events, strict=True)
    ]


CHAT = [
    *sse(
        {"id": "r1", "model": "m-1", "choices": [{"index": 0, "delta": {"content": SAID}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4}},
    ),
    b"data: [DONE]\n\n",
]
RESPONSES = sse(
    {"type": "response.created", "response": {"id": "r1", "model": "m-1", "status": "in_progress"}},
    {
        "type": "response.output_item.added",
        "output_index": 0,
        "item": {"type": "message", "id": "i", "role": "assistant", "content": []},
    },
    {
        "type": "response.output_text.delta",
        "item_id": "i",
        "output_index": 0,
        "content_index": 0,
        "delta": SAID,
    },
    {
        "type": "response.completed",
        "response": {
            "id": "r1",
            "model": "m-1",
            "status": "completed",
            "output": [
                {
                    "type": "message",
                    "id": "i",
                    "role": "assistant",
                    "status": "completed",
                    "content": [{"type": "output_text", "text": SAID, "annotations": []}],
                }
            ],
            "usage": {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13},
        },
    },
    named=True,
)
MESSAGES = sse(
    {
        "type": "message_start",
        "message": {
            "id": "r1",
            "type": "message",
            "role": "assistant",
            "model": "m-1",
            "content": [],
            "usage": {"input_tokens": 9, "output_tokens": 1},
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": SAID}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn"},
        "usage": {"output_tokens": 4},
    },
    {"type": "message_stop"},
    named=True,
)
APIS = [("openai", CHAT), ("openai-responses", RESPONSES), ("anthropic", MESSAGES)]


@pytest.mark.parametrize(("api", "pieces"), APIS, ids=[api for api, _ in APIS])
def test_image_form_options_and_headers_reach_the_server_and_the_key_stays_there(
    tmp_path: Path, api: str, pieces: list[bytes]
) -> None:
    path = tmp_path / "lab.db"
    with serving(pieces) as server, Store(path) as store:
        chat = dn.Chat(
            f"{api}:m",
            base_url=server.base_url,
            api_key="k" * 12,
            store=store,
            extra_headers={"X-Gate": KEY},
        )
        turn = chat.send(
            "what is this?",
            images=PNG,
            output=Seen,
            max_tokens=77,
            extra_body={"metadata": {"user_id": "u1"}},
        )
        assert turn.result(20).parsed == Seen(animal="cat", count=2)
        chat.send("and again?").result(20)
        first, second = server.bodies
        for body in (first, second):
            assert json.dumps(body).count(WHOLE) == 1
        assert server.headers[0]["x-gate"] == KEY
        assert first["metadata"] == {"user_id": "u1"}
        assert 77 in first.values()
        assert 77 not in second.values()
        asked = json.dumps(first)
        assert '"animal"' in asked
        assert '"additionalProperties": false' in asked
        assert '"animal"' not in json.dumps({**second, "messages": [], "input": []})
        (step, _) = chat.steps[["response_id", "response_model", "input_tokens"]].values.tolist()
        assert step == ["r1", "m-1", 9]
        assert chat.steps["usage_source"].tolist() == ["reported"] * 2
        chat.close()
    for file in tmp_path.iterdir():
        assert KEY.encode() not in file.read_bytes()

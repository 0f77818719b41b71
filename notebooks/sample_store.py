"""A sample store to analyse: a few hundred conversations of a made-up company, always the same.

``python notebooks/sample_store.py sample.db`` writes it with the package's own store, on a
clock that is played. The prices are those of the package's table on the days of the requests.
"""

from __future__ import annotations

import json
import random
import sys
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dispatch_nb.costs.step import priced
from dispatch_nb.store import CommitStamp, ConversationRow, EventRow, StepRow, Store
from dispatch_nb.store.rows import ChunkSide, ToolCallRow, TurnRow
from dispatch_nb.wire import events as e
from dispatch_nb.wire.conversation import (
    ChatMessage,
    Chunk,
    ErrorChunk,
    TextChunk,
    ThinkingChunk,
    ToolCallChunk,
    ToolResultChunk,
    Usage,
)

__all__ = ["make_sample"]

FIRST_DAY = datetime(2025, 11, 3, 8, tzinfo=UTC)
DAYS = 28
OVERLOADED = "The server is overloaded (529): it did not answer."


@dataclass(frozen=True)
class Model:
    """How one model behaves: seconds and tokens per second."""

    provider: str
    name: str
    wait_s: float
    tokens_per_s: float
    caches: bool = True
    thinks: bool = False


OPUS = Model("anthropic", "claude-opus-4-1", 1.6, 42, thinks=True)
SONNET = Model("anthropic", "claude-sonnet-4-5", 0.9, 68)
GPT = Model("openai", "gpt-5", 2.2, 75, thinks=True)
MINI = Model("openai", "gpt-5-mini", 0.5, 130)
OWN = Model("ollama", "qwen3-8b", 0.25, 30, caches=False)


@dataclass(frozen=True)
class Tool:
    """A tool of the company: its median seconds, spread, share of failures, size of a result."""

    name: str
    seconds: float
    spread: float
    failing: float
    result_tokens: int


SEARCH = Tool("search_tickets", 0.7, 0.5, 0.02, 900)
DOCS = Tool("read_document", 0.25, 0.4, 0.04, 4200)
SQL = Tool("query_warehouse", 6.5, 0.9, 0.11, 1500)
MAIL = Tool("draft_mail", 0.1, 0.3, 0.0, 60)


@dataclass(frozen=True)
class Work:
    """One kind of conversation: who does it, what is asked, how large it gets."""

    name: str
    models: tuple[tuple[Model, int], ...]
    share: int
    system_tokens: int
    turns: tuple[int, int]
    steps: tuple[int, int]
    tools: tuple[Tool, ...]
    output_tokens: int
    prompts: tuple[str, ...]
    stalls: float = 0.0003


WORK = (
    Work(
        "Support reply", ((SONNET, 6), (MINI, 4)), 46, 2600, (1, 4), (1, 3), (SEARCH, MAIL), 260,
        ("A customer cannot log in after the update. What do I answer?",
         "Summarise this ticket in three sentences.",
         "Write a friendly reply that offers a refund."),
    ),
    Work(
        "Weekly report", ((OPUS, 7), (GPT, 3)), 14, 5200, (1, 2), (3, 6), (SQL, DOCS), 1500,
        ("Write the weekly report for the sales team, with numbers from the warehouse.",
         "Compare this week's churn with last month's and explain the difference."),
        stalls=0.001,
    ),
    Work(
        "Contract review", ((OPUS, 5), (SONNET, 5)), 12, 3400, (2, 5), (1, 3), (DOCS,), 900,
        ("Read the contract and list every clause that binds us for more than a year.",
         "Translate all appendices of this contract and keep the numbering.",
         "Which of these clauses differ from our template?"),
        stalls=0.002,
    ),
    Work(
        "Code question", ((GPT, 5), (MINI, 5)), 18, 900, (1, 6), (1, 2), (), 420,
        ("Why does this query scan the whole table?", "Write a test for this function."),
    ),
    Work(
        "Internal notes", ((OWN, 1),), 10, 300, (1, 3), (1, 1), (), 220,
        ("Turn these notes into minutes.",),
    ),
)  # fmt: skip

WORDS = [
    *("the", "customer", "report", "shows", "that", "most", "orders", "came", "through"),
    *("a", "new", "page", "and", "every", "third", "request", "still", "takes", "the", "older"),
]


def make_sample(path: str | Path, *, conversations: int = 320, seed: int = 7) -> None:
    """Write the sample store to a new file.

    Parameters
    ----------
    path
        Where; the file must not hold these conversations yet.
    conversations
        How many there are.
    seed
        Another one gives another store of the same kind.
    """
    dice = random.Random(seed)
    with Store(path) as store:
        moments = sorted(_moment(dice) for _ in range(conversations))
        writes: list[Future[Any]] = []
        for number, began in enumerate(moments):
            work = dice.choices(WORK, [each.share for each in WORK])[0]
            model = dice.choices(*zip(*work.models, strict=True))[0]
            _Talk(store, dice, work, model, f"sample-{number:03}", began, writes).play()
            if len(writes) > 2_000:
                _finish(writes)
        _finish(writes)


def _moment(dice: random.Random) -> int:
    """Return a moment of the four weeks, in microseconds; fewer at weekends, more over time."""
    while True:
        day = int(DAYS * dice.betavariate(1.5, 1.0))
        when = FIRST_DAY + timedelta(days=day, hours=dice.triangular(0, 11, 3))
        if when.weekday() < 5 or dice.random() < 0.15:
            return int(when.timestamp() * 1e6)


def _finish(writes: list[Future[Any]]) -> None:
    for write in writes:
        write.result()
    writes.clear()


@dataclass
class _Talk:
    """One conversation as it is played into the store."""

    store: Store
    dice: random.Random
    work: Work
    model: Model
    id: str
    now_us: int
    writes: list[Future[Any]]
    prompt: str = ""
    context: int = 0
    cached: int = 0
    cached_us: int = 0
    n: int = 0
    events: list[EventRow] = field(default_factory=list)

    def play(self) -> None:
        title = f"{self.work.name} {self.id[-3:]}"
        row = ConversationRow(
            self.id, self.now_us, title=title, model=f"{self.model.provider}:{self.model.name}"
        )
        self.writes.append(self.store.create_conversation(row))
        self.context = self.work.system_tokens
        for turn in range(self.dice.randint(*self.work.turns)):
            if not self._turn(f"{self.id}-t{turn}"):
                break
            self._pass(self.dice.lognormvariate(4.2, 0.9))  # the person reads, and types
        self._flush()

    def _turn(self, turn_id: str) -> bool:
        """Play a turn; False if the person then gives up."""
        dice, began = self.dice, self.now_us
        prompt = self.prompt = dice.choice(self.work.prompts)
        self.context += len(prompt) // 4 + int(dice.lognormvariate(5.3, 1.0))
        self._event(e.UserMessageEvent, turn_id, text=prompt)
        self._flush()
        row = TurnRow(turn_id, self.id, prompt_text=prompt, started_us=began)
        self.writes.append(self.store.begin_turn(row))
        self._commit(turn_id, None, [ChatMessage(role="user", chunks=[TextChunk(text=prompt)])])
        self._event(e.TurnStartEvent, turn_id)
        count = dice.randint(*self.work.steps) if self.work.tools else 1
        ended, first_us, used = "stop", None, Usage(input_tokens=0, output_tokens=0)
        for index in range(count):
            step = self._step(turn_id, index, is_last=index == count - 1)
            first_us = first_us or step.first_chunk_us
            used = Usage(
                input_tokens=used.input_tokens + (step.input_tokens or 0),
                output_tokens=used.output_tokens + (step.output_tokens or 0),
            )
            if step.finish_reason is not None:
                ended = step.finish_reason
                break
        self._event(e.DoneEvent, turn_id, reason=ended, duration_ms=(self.now_us - began) / 1000)
        self._event(e.TurnSealedEvent, turn_id)
        self._flush()
        status = {"error": "error", "aborted": "aborted"}.get(ended, "completed")
        self.writes.append(
            self.store.finish_turn(
                turn_id,
                status=status,
                finish_reason=ended,
                abort_reason="stopped" if ended == "aborted" else None,
                first_chunk_us=first_us,
                completed_us=self.now_us,
                sealed_us=self.now_us,
                duration_ms=(self.now_us - began) / 1000,
                context_size=self.context,
                input_tokens=used.input_tokens,
                output_tokens=used.output_tokens,
                usage_source="reported",
                is_lower_bound=ended in ("error", "aborted"),
            )
        )
        return ended == "stop"

    def _step(self, turn_id: str, index: int, *, is_last: bool) -> StepRow:
        dice, model, step_id = self.dice, self.model, f"{turn_id}#{index}"
        attempt = self._attempts(turn_id, index)
        asked = self.now_us
        read, written = self._cache()
        fails = attempt > 0 and dice.random() < 0.3
        stops = not fails and dice.random() < 0.015
        slow = 2.4 if _is_rush(asked) else 1.0
        wait = model.wait_s * slow * dice.lognormvariate(0, 0.35) + self.context / 60_000
        self._pass(wait)
        output = max(20, int(self.work.output_tokens * dice.lognormvariate(0, 0.5)))
        if not is_last:
            output = int(output * 0.4) + 40
        thought = int(output * dice.uniform(0.3, 0.9)) if model.thinks else 0
        first_us: int | None = None
        chunks: list[Chunk] = []
        sides: list[ChunkSide] = []
        if not fails:
            first_us = self.now_us
            parts: list[tuple[int, type[Any], type[Any]]] = [(output, e.TextDeltaEvent, TextChunk)]
            if thought:
                parts.insert(0, (thought, e.ReasoningDeltaEvent, ThinkingChunk))
            for tokens, kind, make in parts:
                text, side = self._say(turn_id, kind, tokens, is_cut=stops and kind is parts[-1][1])
                chunks.append(make(text=text))
                sides.append(side)
        decode = self.now_us - (first_us or self.now_us)
        tool = None if is_last or fails or stops else dice.choice(self.work.tools)
        results: list[Chunk] = []
        calls: list[ToolCallRow] = []
        usage = Usage(
            input_tokens=self.context,
            output_tokens=output + thought,
            cache_read_tokens=read,
            cache_write_tokens=written,
        )
        failed = "overloaded" if fails else None
        if fails:
            self._event(e.ErrorEvent, turn_id, message=OVERLOADED, code="overloaded")
            chunks.append(ErrorChunk(message=OVERLOADED, code="overloaded"))
            sides.append(ChunkSide(self.now_us, self.now_us, 0))
        else:
            self._event(e.UsageEvent, turn_id, usage=usage, step_id=step_id)
            times = {"ttft_ms": wait * 1000, "decode_ms": decode / 1000}
            times["gen_total_ms"] = wait * 1000 + decode / 1000
            self._event(e.StepCompleteEvent, turn_id, step_id=step_id, **times)
        answered_us = self.now_us
        if tool is not None:
            call, result, row = self._call(turn_id, step_id, tool)
            chunks.append(call)
            results.append(result)
            calls.append(row)
            sides += [ChunkSide(row.requested_us, row.requested_us, 0)]
            sides += [ChunkSide(self.now_us, self.now_us, 0)]
        self.context += output + (tool.result_tokens if tool else 0)
        step = priced(
            StepRow(
                step_id=step_id,
                turn_id=turn_id,
                conversation_id=self.id,
                step_index=index,
                attempt=attempt,
                provider_name=model.provider,
                request_model=model.name,
                response_model=None if fails else model.name,
                finish_reason="error" if fails else "aborted" if stops else None,
                raw_finish_reason=None if fails or stops else "tool_use" if tool else "end_turn",
                is_streaming=True,
                requested_us=asked,
                first_chunk_us=first_us,
                completed_us=answered_us,
                ttft_ms=None if fails else wait * 1000,
                decode_ms=None if fails else decode / 1000,
                gen_total_ms=None if fails else wait * 1000 + decode / 1000,
                delta_count=sum(side.delta_count or 0 for side in sides),
                chunk_count=len(sides),
                input_tokens=None if fails else usage.input_tokens,
                output_tokens=None if fails else usage.output_tokens,
                cache_read_tokens=None if fails or not model.caches else read,
                cache_write_tokens=None if fails or not model.caches else written,
                reasoning_tokens=thought if thought and not fails else None,
                usage_source="missing" if fails else "reported",
                is_lower_bound=fails or stops,
                http_status=529 if fails else None,
                error_type=failed,
                error_message=OVERLOADED if fails else None,
            )
        )
        messages = [ChatMessage(role="assistant", chunks=chunks)]
        if results:
            messages.append(ChatMessage(role="tool", chunks=results))
        self._commit(turn_id, step_id, messages, sides=sides, tool_calls=calls, step=step)
        return step

    def _attempts(self, turn_id: str, index: int) -> int:
        """Play what a busy server turned away, which is asked again; return how often."""
        dice, model, attempt = self.dice, self.model, 0
        busy = 0.02 + (0.03 if model is OPUS and _is_rush(self.now_us) else 0)
        while attempt < 3 and dice.random() < (0.4 if attempt else busy):
            asked = self.now_us
            self._pass(dice.uniform(0.2, 0.9))
            row = StepRow(
                step_id=f"{turn_id}#{index}.{attempt}",
                turn_id=turn_id,
                conversation_id=self.id,
                step_index=index,
                attempt=attempt,
                provider_name=model.provider,
                request_model=model.name,
                finish_reason="error",
                is_streaming=True,
                requested_us=asked,
                completed_us=self.now_us,
                usage_source="missing",
                is_lower_bound=True,
                http_status=529,
                error_type="overloaded",
                error_message=OVERLOADED,
            )
            self.writes.append(self.store.save_step(priced(row)))
            delay = 0.5 * 2**attempt
            self._event(
                e.ProviderRetryEvent,
                turn_id,
                attempt=attempt,
                delay_ms=delay * 1000,
                message=OVERLOADED,
                code="overloaded",
            )
            self._pass(delay)
            attempt += 1
        return attempt

    def _cache(self) -> tuple[int, int]:
        """Return what is read from the cache and what is written, which lasts five minutes."""
        if not self.model.caches or self.context < 1024:
            return 0, 0
        is_warm = self.now_us - self.cached_us < 300e6
        read = min(self.cached, self.context) if is_warm else 0
        written = self.context - read if self.model.provider == "anthropic" else 0
        self.cached, self.cached_us = self.context, self.now_us
        return read, written

    def _say(
        self, turn_id: str, kind: type[Any], tokens: int, *, is_cut: bool
    ) -> tuple[str, ChunkSide]:
        dice, began = self.dice, self.now_us
        pieces = min(100, max(2, tokens // 8))
        if is_cut:
            pieces = max(2, pieces // 3)
        said = []
        for index in range(pieces):
            if index:
                self._pass(tokens / pieces / self.model.tokens_per_s * dice.lognormvariate(0, 0.3))
                # A long list, such as that of appendices, makes this server hesitate.
                hesitant = 6 if self.prompt.startswith("Translate") else 1
                if dice.random() < self.work.stalls * hesitant * (
                    3 if _is_rush(self.now_us) else 1
                ):
                    self._pass(1 + dice.lognormvariate(0.6, 0.6))
            words = " ".join(dice.choices(WORDS, k=4)) + " "
            said.append(words)
            self._event(kind, turn_id, delta=words)
        return "".join(said), ChunkSide(began, self.now_us, pieces)

    def _call(
        self, turn_id: str, step_id: str, tool: Tool
    ) -> tuple[ToolCallChunk, ToolResultChunk, ToolCallRow]:
        dice, id, asked = self.dice, f"{step_id}-call", self.now_us
        known = {"tool_call_id": id, "tool_name": tool.name}
        given: dict[str, Any] = {"query": " ".join(dice.choices(WORDS, k=4))}
        self._event(e.ToolCallEvent, turn_id, step_id=step_id, input=given, **known)
        took = tool.seconds * dice.lognormvariate(0, tool.spread)
        self._pass(took)
        is_error = dice.random() < tool.failing
        content = "It took too long." if is_error else json.dumps({"rows": dice.randint(1, 400)})
        result = ToolResultChunk(
            tool_call_id=id, tool_name=tool.name, content=content, is_error=is_error
        )
        self._event(
            e.ToolResultEvent, turn_id, step_id=step_id, content=content, is_error=is_error, **known
        )
        row = ToolCallRow(
            tool_call_id=id,
            step_id=step_id,
            status="error" if is_error else "completed",
            approval="auto",
            requested_us=asked,
            started_us=asked,
            completed_us=self.now_us,
            duration_ms=took * 1000,
            error_message=content if is_error else None,
        )
        call = ToolCallChunk(tool_call_id=id, tool_name=tool.name, input=given)
        return call, result, row

    def _commit(
        self, turn_id: str, step_id: str | None, messages: list[ChatMessage], **more: Any
    ) -> None:
        self._flush()
        stamp = CommitStamp(*self._stamp())
        self.writes.append(
            self.store.append_chunks(
                self.id, messages, turn_id=turn_id, step_id=step_id, event=stamp, **more
            )
        )

    def _event(self, kind: type[Any], turn_id: str, **fields: Any) -> None:
        event = kind(conversation_id=self.id, turn_id=turn_id, **fields)
        self.events.append(EventRow(*self._stamp(), event))

    def _flush(self) -> None:
        if self.events:
            self.writes.append(self.store.append_events(self.id, self.events))
        self.events = []

    def _pass(self, seconds: float) -> None:
        self.now_us += int(seconds * 1e6)

    def _stamp(self) -> tuple[int, int, int]:
        self.n += 1
        return self.n, self.now_us, self.now_us


def _is_rush(at_us: int) -> bool:
    """Return whether it is early afternoon, when everyone asks."""
    return 13 <= datetime.fromtimestamp(at_us / 1e6, UTC).hour < 16


if __name__ == "__main__":
    make_sample(sys.argv[1] if len(sys.argv) > 1 else "sample.db")

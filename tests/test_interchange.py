"""Data goes out and comes back as it was; old work of others comes in to the token."""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv import attributes as settled
from opentelemetry.semconv._incubating import attributes as in_development
from opentelemetry.trace import SpanKind

import dispatch_nb as dn
from dispatch_nb import interchange
from dispatch_nb.errors import FrameError, StoreError
from dispatch_nb.framed import Part
from dispatch_nb.frames.columns import FrameSpec
from dispatch_nb.frames.request import FRAMES
from dispatch_nb.store import Store
from dispatch_nb.wire.conversation import TextChunk
from dispatch_nb.wire.parse import parse_live_event
from tests.frames_parts import Recorder, message, play_open_turn, play_tool_turn

IMPORTS = Path(__file__).parent / "imports"


class Source(dn.Frames):
    def __init__(self, store: Store) -> None:
        self._parts = [Part(store)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "out.db") as opened:
        tape = Recorder(opened, title='a "title", with\r\nlines')
        play_tool_turn(tape)
        play_open_turn(tape)
        odd = [TextChunk(text=text) for text in ("", "\\N", "\\", " é🎈\n,\";'\r", "<NA>", "null")]
        tape.commit("t2", "s3", message("assistant", *odd))
        yield opened


@pytest.fixture
def library(tmp_path: Path) -> Iterator[dn.Store]:
    opened = dn.Store(tmp_path / "in.db")
    yield opened
    opened.close()


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
@pytest.mark.parametrize("spec", FRAMES, ids=lambda spec: spec.name)
def test_a_file_gives_the_frame_back_with_its_dtypes(
    spec: FrameSpec, suffix: str, store: Store, tmp_path: Path
) -> None:
    frame = Source(store).frame(spec.name)
    for part in (frame, frame.iloc[:1], frame.iloc[:0]):
        if part.empty and suffix == ".jsonl":
            path = interchange.save(part, tmp_path / f"{spec.name}{suffix}")
            back = interchange.load(path, spec.name)
        else:
            back = interchange.load(interchange.save(part, tmp_path / f"{spec.name}{suffix}"))
        pd.testing.assert_frame_equal(back, part.reset_index(drop=True))
        assert back.attrs == part.attrs


def test_pandas_alone_reads_a_parquet_file_with_equal_dtypes(store: Store, tmp_path: Path) -> None:
    for spec in FRAMES:
        frame = Source(store).frame(spec.name)
        back = pd.read_parquet(interchange.save(frame, tmp_path / "frame.parquet"))
        plain = [name for name in spec.names if str(frame.dtypes[name]) != "category"]
        assert dict(back[plain].dtypes) == dict(frame[plain].dtypes)


def test_a_file_that_is_no_frame_is_refused_in_a_sentence(store: Store, tmp_path: Path) -> None:
    with pytest.raises(FrameError, match=r"must end in \.parquet, \.csv, \.jsonl"):
        interchange.save(Source(store).steps, tmp_path / "steps.xlsx")
    with pytest.raises(FrameError, match="columns of none of the frames"):
        interchange.save(pd.DataFrame({"a": [1]}), tmp_path / "a.csv")
    with pytest.raises(FrameError, match=r"The frame steps has no work: drop"):
        interchange.save(Source(store).steps.assign(work="x"), tmp_path / "steps.csv")
    with pytest.raises(FrameError, match="There is no file"):
        interchange.load(tmp_path / "none.csv")
    for suffix in ("csv", "jsonl", "parquet"):
        (tmp_path / f"no.{suffix}").write_text("{\n", "utf-8")
        with pytest.raises(FrameError, match=r"cannot be read as|none of the frames"):
            interchange.load(tmp_path / f"no.{suffix}")


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
@pytest.mark.parametrize("spec", FRAMES, ids=lambda spec: spec.name)
def test_a_frame_of_arrows_dtypes_is_written_and_read_as_well(
    spec: FrameSpec, suffix: str, store: Store, tmp_path: Path
) -> None:
    frame = Source(store).frame(spec.name, dtype_backend="pyarrow")
    path = interchange.save(frame, tmp_path / f"{spec.name}{suffix}")
    back = interchange.load(path, dtype_backend="pyarrow")
    pd.testing.assert_frame_equal(back, frame)


def test_duckdb_and_polars_read_the_frames_as_they_are(store: Store) -> None:
    steps, chunks = Source(store).steps, Source(store).chunks
    with duckdb.connect() as database:
        database.register("steps", steps)
        database.register("chunks", chunks)
        sums = "SELECT request_model, SUM(input_tokens) FROM steps GROUP BY 1"
        assert database.execute(sums).fetchall() == [("m", 230)]
        spoken = "SELECT COUNT(*) FROM chunks WHERE role = 'assistant' AND seq > 9"
        assert database.execute(spoken).fetchall() == [(6,)]
    assert pl.from_pandas(steps)["input_tokens"].sum() == 230
    assert pl.from_pandas(chunks)["seq"].to_list() == chunks["seq"].tolist()


def test_lines_of_events_and_chunks_are_what_is_stored(store: Store, tmp_path: Path) -> None:
    events, chunks = tmp_path / "events.jsonl", tmp_path / "chunks.jsonl"
    rows = store.events("c1")
    assert interchange.save_events(Source(store), events) == len(rows)
    lines = [json.loads(line) for line in events.read_text("utf-8").split("\n")[:-1]]
    assert [line["n"] for line in lines] == [row.n for row in rows]
    assert [parse_live_event(json.dumps(line["event"])) for line in lines] == [
        row.event for row in rows
    ]
    stored = store.history("c1").chunks
    assert interchange.save_chunks(Source(store), chunks) == len(stored)
    read = [json.loads(line) for line in chunks.read_text("utf-8").split("\n")[:-1]]
    assert [line["chunk"] for line in read] == [each.chunk.to_wire() for each in stored]


def test_spans_have_the_names_times_and_tokens_of_the_conventions(store: Store) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    source = Source(store)
    count = interchange.to_otel(source, provider, content=True)
    spans = exporter.get_finished_spans()
    assert count == len(spans) == len(source.turns) + len(source.steps) + len(source.tool_calls)
    by_kind: dict[str, list[Any]] = {}
    for span in spans:
        assert span.attributes is not None
        by_kind.setdefault(str(span.attributes["gen_ai.operation.name"]), []).append(span)
    steps = source.steps
    for span, (_, step) in zip(by_kind["chat"], steps.iterrows(), strict=True):
        assert span.attributes["gen_ai.usage.input_tokens"] == step["input_tokens"]
        assert ("gen_ai.usage.cache_read.input_tokens" in span.attributes) == pd.notna(
            step["cache_read_tokens"]
        )
        assert span.start_time == step["requested_at"].value
        assert span.name == "chat m"
        assert span.kind is SpanKind.CLIENT
    agent = by_kind["invoke_agent"][0]
    asked, said = (
        json.loads(agent.attributes[f"gen_ai.{way}.messages"]) for way in ("input", "output")
    )
    assert asked == [{"role": "user", "parts": [{"type": "text", "content": "What is 1+2?"}]}]
    assert said[0]["parts"][0]["content"] == source.turns["output_text"][0]
    assert said[0]["finish_reason"] == "stop"
    assert agent.attributes["gen_ai.provider.name"] == "openai"
    assert {span.parent.span_id for span in by_kind["execute_tool"]} == {agent.context.span_id}
    assert agent.start_time == source.turns["started_at"][0].value
    failed = next(span for span in by_kind["execute_tool"] if not span.status.is_ok)
    assert failed.attributes["gen_ai.tool.call.result"] == "fell over"
    interchange.to_otel(source, provider)
    told = json.dumps(
        [json.loads(span.to_json()) for span in exporter.get_finished_spans()[count:]]
    )
    assert "What is 1+2?" not in told
    assert '"a\\":1' not in told


def test_every_attribute_of_a_span_is_one_of_the_conventions(store: Store) -> None:
    known = set()
    for package in (settled, in_development):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            values = vars(import_module(module.name)).values()
            known |= {each for each in values if isinstance(each, str)}
    # The conventions renamed this one after the constants were released.
    assert "gen_ai.usage.cache_creation.input_tokens" in known
    known.add("gen_ai.usage.cache_write.input_tokens")
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    interchange.to_otel(Source(store), provider, content=True)
    used = {name for span in exporter.get_finished_spans() for name in span.attributes or ()}
    assert len(used) > 15
    assert used <= known


def test_messages_come_in_as_turns_with_their_usage(library: dn.Store) -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "prompt_tokens_details": {"cached_tokens": 30},
        "completion_tokens_details": {"reasoning_tokens": 7},
    }
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}}
    conversation = interchange.import_messages(
        library,
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "1+2?"}]},
            {"role": "assistant", "content": None, "tool_calls": [call], "usage": usage},
            {"role": "tool", "tool_call_id": "c1", "content": "3"},
            {"role": "assistant", "content": "It is 3."},
            {"role": "user", "content": "Thanks"},
        ],
        title="old work",
        model="gpt-x",
    )
    assert library.conversations["source"].tolist() == ["import"]
    steps = library.steps
    tokens = ["input_tokens", "output_tokens", "cache_read_tokens", "reasoning_tokens"]
    assert steps[tokens].iloc[0].tolist() == [100, 20, 30, 7]
    assert steps[tokens].iloc[1].isna().all()
    assert steps["usage_source"].tolist() == ["reported", "missing"]
    assert library.turns["prompt_text"].tolist() == ["1+2?", "Thanks"]
    assert library.tool_calls["arguments_json"].tolist() == ['{"a":1}']
    assert library.messages["content"].fillna("").tolist() == [
        "1+2?",
        "",
        "3",
        "It is 3.",
        "Thanks",
    ]
    chat = library.chat(conversation)
    assert chat.status == "idle"
    assert len(chat.chunks) == 5
    with pytest.raises(FrameError, match="Message 2 cannot be read"):
        interchange.import_messages(library, [{"role": "user", "content": "a"}, {"role": "elf"}])
    with pytest.raises(StoreError, match="already holds"):
        interchange.import_messages(library, [], conversation=conversation)


@pytest.mark.parametrize("name", ["inspect.json", "inspect.eval"])
def test_a_log_of_inspect_comes_in_to_the_token(name: str, library: dn.Store) -> None:
    (conversation,) = interchange.import_inspect(library, IMPORTS / name)
    assert conversation.endswith("/one/1")
    steps = library.steps
    # Inspect's own count leaves out the 30 tokens that a cache held.
    assert steps["input_tokens"].tolist() == [130, 150]
    assert steps["uncached_input_tokens"].tolist() == [100, 150]
    assert steps["output_tokens"].tolist() == [20, 5]
    assert steps["reasoning_tokens"].fillna(0).tolist() == [0, 2]
    assert steps["request_model"].tolist() == ["mockllm/model"] * 2
    assert steps["duration_s"].notna().all()
    assert library.tool_calls[["tool_name", "arguments_json", "result"]].to_numpy().tolist() == [
        ["addition", '{"x":1,"y":2}', "3"]
    ]
    assert library.turns["output_text"].str.endswith("It is 3.").all()
    assert library.conversations["total_tokens"].tolist() == [305]


def test_a_log_of_llm_comes_in_to_the_token(library: dn.Store) -> None:
    assert len(interchange.import_llm(library, IMPORTS / "llm.sqlite")) == 1
    steps = library.steps
    assert steps["input_tokens"].tolist() == [100, 150, 100, 150]
    assert steps["cache_read_tokens"].fillna(0).tolist() == [30, 0, 30, 0]
    assert steps["reasoning_tokens"].fillna(0).tolist() == [0, 2, 0, 2]
    assert library.turns["prompt_text"].tolist() == ["1+2?", "and again?"]
    assert library.tool_calls["result"].tolist() == ["3", "3"]
    assert library.conversations["total_tokens"].tolist() == [550]


def test_samples_that_fail_or_begin_with_examples_come_in_as_they_were(library: dn.Store) -> None:
    assert len(interchange.import_inspect(library, IMPORTS / "inspect-epochs.eval")) == 6
    steps = library.steps
    # The two answers that the samples themselves bring were not asked of any model.
    assert len(steps) == 12
    assert steps["usage_source"].eq("reported").all()
    assert not library.turns["is_lower_bound"].any()
    read, written = steps["cache_read_tokens"].sum(), steps["cache_write_tokens"].sum()
    assert steps["uncached_input_tokens"].sum() == steps["input_tokens"].sum() - read - written
    failed = library.turns[library.turns["status"] == "error"]
    assert failed["error_message"].tolist() == ["RuntimeError('the solver fell over')"] * 2
    calls = library.tool_calls
    assert calls.loc[calls["status"] == "error", "result"].tolist() == ["nine is not allowed"] * 2
    said = library.messages["content"].fillna("")
    assert said.eq("Hello").sum() == 2
    assert said.str.contains("long " * 400).any()  # kept beside its message in the log
    kinds = library.chunks["chunk_type"].value_counts()
    assert (kinds["image"], kinds["thinking"]) == (2, 4)


def test_results_of_calls_at_once_fragments_and_attachments_come_in(library: dn.Store) -> None:
    assert len(interchange.import_llm(library, IMPORTS / "llm-parts.sqlite")) == 3
    calls = library.tool_calls
    assert (
        calls[["tool_name", "status", "result"]].to_numpy().tolist()
        == [
            ["add", "completed", "3"],
            ["boom", "error", "Error: no"],
        ]
        * 2
    )
    assert library.turns["prompt_text"].tolist() == [
        *("1+2?", "and again?", "nousage", "A fragment of text\nlook"),
    ]
    images = library.chunks.loc[library.chunks["chunk_type"] == "image", "content"]
    assert images.str.startswith("data:image/png;base64,").tolist() == [True]
    assert library.steps["usage_source"].tolist().count("missing") == 1
    assert library.steps["temperature"].tolist()[:2] == [0.3, 0.3]


def test_objects_of_a_library_and_calls_of_old_are_read_and_other_items_named(
    library: dn.Store,
) -> None:
    class Said:
        def model_dump(self, *, exclude_none: bool) -> dict[str, Any]:
            custom = {"id": "c9", "type": "custom", "custom": {"name": "run", "input": "ls"}}
            return {"role": "assistant", "content": "I look.", "tool_calls": [custom]}

    said: Any = Said()
    interchange.import_messages(
        library,
        [
            {"role": "user", "content": "1+2?"},
            {"role": "assistant", "function_call": {"name": "add", "arguments": '{"a":1}'}},
            {"role": "function", "name": "add", "content": "3"},
            said,
            {"role": "tool", "tool_call_id": "c9", "content": "a.txt"},
        ],
    )
    assert library.tool_calls[["tool_name", "arguments_json", "result"]].to_numpy().tolist() == [
        ["add", '{"a":1}', "3"],
        ["run", '"ls"', "a.txt"],
    ]
    item = {"type": "function_call", "call_id": "c", "name": "add", "arguments": "{}"}
    with pytest.raises(FrameError, match=r"Message 1 has no role.*Responses API"):
        interchange.import_messages(library, [item])


def test_what_is_no_log_is_said_in_a_sentence(library: dn.Store, tmp_path: Path) -> None:
    path = tmp_path / "not.json"
    path.write_text("[]", "utf-8")
    with pytest.raises(FrameError, match="cannot be read as a log of Inspect"):
        interchange.import_inspect(library, path)
    with pytest.raises(FrameError, match="cannot be read as a log of llm"):
        interchange.import_llm(library, path)
    for place in (tmp_path / "none", tmp_path / "empty"):
        with pytest.raises(FrameError, match=r"There is no (file or folder|log of Inspect)"):
            interchange.import_inspect(library, place)
        (tmp_path / "empty").mkdir(exist_ok=True)
    words: Any = "hello"
    with pytest.raises(FrameError, match="a list of dictionaries, not str"):
        interchange.import_messages(library, words)
    with pytest.raises(FrameError, match="There is no file"):
        interchange.import_llm(library, tmp_path / "none.db")

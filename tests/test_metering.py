"""What usage adds up to: exactly the frames, whatever narrows it, at the cost of what is new."""

from __future__ import annotations

import random
from contextlib import contextmanager
from datetime import UTC, datetime

import pandas as pd
import pytest
from pydantic import MISSING

import dispatch_nb as dn
from dispatch_nb.metering import UsageMeter
from dispatch_nb.metering.periods import MOST_PERIODS, hour_of, period_starts
from dispatch_nb.metering.sums import quantile
from dispatch_nb.store import ConversationRow, StepRow, Store
from dispatch_nb.store.rows import TurnRow
from dispatch_nb.wire.usage_view import UsageLook

MODELS = ("large", "small", "own")
START_US = 1_760_000_000_000_000
HOUR_US = 3_600_000_000
EVERYTHING = UsageLook(
    by="time",
    measure="tokens",
    conversation_id=None,
    before=None,
    models=[],
    statuses=[],
    since_ms=None,
    until_ms=None,
    words="",
)


def look(**changes):
    return EVERYTHING.model_copy(update=changes)


class Filler:
    """Writes random steps of every kind, as turns of a few conversations would."""

    def __init__(self, store, seed, conversations=7):
        self.store = store
        self.dice = random.Random(seed)
        self.ids = [f"c{n}" for n in range(conversations)]
        self.count = 0
        self.turns = 0
        for n, id in enumerate(self.ids):
            title = None if n == 0 else f"{'Étude' if n % 2 else 'Report'} 100% {n}"
            store.create_conversation(ConversationRow(id, created_us=START_US, title=title))

    def add(self, steps):
        dice = self.dice
        while steps > 0:
            of_turn = min(steps, dice.randint(1, 4))
            conversation = dice.choice(self.ids)
            turn = f"t{self.turns}"
            self.turns += 1
            at = START_US + self.turns * HOUR_US // 3
            self.store.begin_turn(TurnRow(turn, conversation, status="completed", started_us=at))
            for index in range(of_turn):
                last = self.store.save_step(self._step(conversation, turn, index, at))
                steps -= 1
        last.result()

    def _step(self, conversation, turn, index, at):
        dice = self.dice
        self.count += 1
        given, said = dice.randint(0, 90_000), dice.randint(0, 4_000)
        is_counted, is_priced = dice.random() < 0.9, dice.random() < 0.7
        usd = [dice.random() / 100 for _ in range(6)] if is_counted and is_priced else [None] * 6
        return StepRow(
            step_id=f"s{self.count}",
            turn_id=turn,
            conversation_id=conversation,
            step_index=index,
            attempt=dice.choice((0, 0, 0, 1)),
            request_model=dice.choice((*MODELS, None)),
            response_model=dice.choice((*MODELS, None, None)),
            finish_reason=dice.choice((None, "error", "aborted", "interrupted", "stop")),
            raw_finish_reason=dice.choice((None, None, "end_turn", "length")),
            error_type=dice.choice((None, None, None, "timeout")),
            requested_us=dice.choice((at + dice.randrange(HOUR_US), at, None)),
            ttft_ms=dice.choice((None, dice.random() * 3000)),
            decode_ms=dice.choice((None, dice.random() * 9000)),
            input_tokens=given if is_counted else None,
            output_tokens=said if is_counted else None,
            cache_read_tokens=dice.choice((None, given // 2)) if is_counted else None,
            cache_write_tokens=dice.choice((None, given // 3)) if is_counted else None,
            reasoning_tokens=dice.choice((None, said // 4)) if is_counted else None,
            usage_source=dice.choice(("reported", "estimated")) if is_counted else "missing",
            is_lower_bound=dice.random() < 0.2,
            cost_usd=usd[0],
            input_usd=usd[1],
            output_usd=usd[2],
            cache_read_usd=usd[3],
            reasoning_usd=usd[4],
            cache_saved_usd=usd[5],
        )


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "lab.db") as opened:
        yield opened


def expected(frame):
    """The figures of some rows of the frame of steps, by pandas."""
    status = outcome(frame)
    tokens = frame["input_tokens"].fillna(0) + frame["output_tokens"].fillna(0)
    sums = {
        name: int(frame[name].sum())
        for name in (
            *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"),
            "reasoning_tokens",
        )
    }
    return {
        **sums,
        "steps": len(frame),
        "cost_usd": pytest.approx(frame["cost_usd"].sum(), rel=1e-12)
        if frame["cost_usd"].notna().any()
        else None,
        "saved_usd": pytest.approx(frame["cache_saved_usd"].sum(), rel=1e-12),
        "output_usd": pytest.approx(frame["output_usd"].sum(), rel=1e-12),
        "unpriced": int((frame["cost_usd"].isna() & (tokens > 0)).sum()),
        "uncounted": int((frame["input_tokens"].isna() & frame["output_tokens"].isna()).sum()),
        "estimated": int((frame["usage_source"] == "estimated").sum()),
        "partial": int(frame["is_lower_bound"].sum()),
        "failed": int((status == "error").sum()),
        "stopped": int((status == "aborted").sum()),
        "retried": int((frame["attempt"] > 0).sum()),
    }


def outcome(frame):
    status = pd.Series("ok", index=frame.index)
    status[frame["error_type"].notna() | (frame["finish_reason"] == "error")] = "error"
    status[frame["finish_reason"] == "aborted"] = "aborted"
    return status


def same(sums, frame):
    wanted = expected(frame)
    assert {name: getattr(sums, name) for name in wanted} == wanted


def added(figures):
    """The sums of all bars, and of what has none."""
    all_sums = [bar.sums for bar in figures.bars]
    if figures.head.others is not None:
        all_sums.append(figures.head.others)
    return {
        name: sum(getattr(sums, name) or 0 for sums in all_sums)
        for name in ("steps", "input_tokens", "output_tokens", "cost_usd", "unpriced", "failed")
    }


@pytest.mark.parametrize("seed", range(3))
def test_figures_are_those_of_the_frame_of_steps_whatever_narrows_them(store, seed):
    Filler(store, seed).add(240)
    steps = dn.Store(store.path).steps
    turns = dn.Store(store.path).turns.set_index("turn_id")["started_at"]
    titles = dn.Store(store.path).conversations.set_index("conversation_id")["title"]
    model = steps["response_model"].fillna(steps["request_model"]).fillna("unknown")
    at = steps["requested_at"].fillna(steps["turn_id"].map(turns))
    middle = START_US // 1000 + 20 * 3_600_000
    moment = pd.Timestamp(middle, unit="ms", tz="UTC")
    narrowed = {
        "all": (look(), slice(None)),
        "models": (look(models=["large", "unknown"]), model.isin(["large", "unknown"])),
        "failed": (look(statuses=["error"]), outcome(steps) == "error"),
        "done or stopped": (look(statuses=["ok", "aborted"]), outcome(steps) != "error"),
        "since": (look(since_ms=middle), at >= moment),
        "until": (look(until_ms=middle), at < moment),
        "one": (look(conversation_id="c3"), steps["conversation_id"] == "c3"),
        "words": (
            look(words=" report 100% "),
            steps["conversation_id"].map(titles).fillna("").str.startswith("Report"),
        ),
        "all of it": (
            look(words="É", models=["small"], statuses=["ok"]),
            steps["conversation_id"].map(titles).fillna("").str.startswith("É")
            & (model == "small")
            & (outcome(steps) == "ok"),
        ),
    }
    for name, (wanted, rows) in narrowed.items():
        chosen = steps[rows]
        assert name in ("all",) or len(chosen) < len(steps)
        for by in ("time", "model", "conversation"):
            figures = UsageMeter(store).figures(wanted.model_copy(update={"by": by}))
            same(figures.head.totals, chosen)
            assert figures.head.turns == chosen["turn_id"].nunique()
            assert figures.head.conversations == chosen["conversation_id"].nunique()
            total = figures.head.totals
            for key, value in added(figures).items():
                assert value == pytest.approx(getattr(total, key) or 0, rel=1e-12), (name, by, key)
        waits = chosen["time_to_first_chunk_s"].dropna()
        assert figures.head.ttft_s is not None
        assert figures.head.tokens_per_s is not None
        assert figures.head.ttft_s.count == len(waits)
        assert figures.head.ttft_s.median == pytest.approx(waits.median())
        assert figures.head.ttft_s.p95 == pytest.approx(waits.quantile(0.95))
        assert figures.head.tokens_per_s.p95 == pytest.approx(
            chosen["output_tokens_per_s"].quantile(0.95)
        )


def test_figures_are_those_of_the_frame_of_usage(store):
    Filler(store, 8).add(120)
    usage = dn.Store(store.path).usage.groupby("token_type", observed=False)
    tokens, usd = usage["tokens"].sum(), usage["cost_usd"].sum()
    totals = UsageMeter(store).figures(look()).head.totals
    for kind in tokens.index:
        assert getattr(totals, f"{kind}_tokens") == tokens[kind]
    for kind in ("input", "output"):
        assert getattr(totals, f"{kind}_usd") == pytest.approx(usd[kind])


def test_each_step_of_a_conversation_is_a_bar_a_page_at_a_time(store):
    Filler(store, 1, conversations=1).add(130)
    meter = UsageMeter(store, "c0")
    steps = dn.Store(store.path).steps
    newest = meter.figures(look(by="step"))
    assert (newest.head.bar_count, newest.head.first_bar) == (130, 82)
    older = meter.figures(look(by="step", before=82))
    oldest = meter.figures(look(by="step", before=34))
    assert oldest.head.first_bar == 0
    assert [bar.key for bar in [*oldest.bars[:34], *older.bars, *newest.bars]] == list(
        steps["step_id"]
    )
    assert len(oldest.bars) == 48  # the first page is a full one
    for bar in newest.bars:
        row = steps[steps["step_id"] == bar.key]
        same(bar.sums, row)
        assert bar.step is not MISSING
        assert bar.step.status == outcome(row).iloc[0]
    assert newest.head.totals.steps == 130


def test_figures_that_grow_are_those_that_are_read_anew(store):
    filler = Filler(store, 5)
    filler.add(30)
    looks = [
        look(by="time"),
        look(by="model", measure="cost", statuses=["ok"]),
        look(by="conversation", words="report"),
        look(by="step", conversation_id="c2"),
    ]
    meters = [UsageMeter(store) for _ in looks]
    for grown in (0, 1, 7, 100, 2):
        if grown:
            filler.add(grown)
        for meter, wanted in zip(meters, looks, strict=True):
            told, anew = meter.figures(wanted), UsageMeter(store).figures(wanted)
            assert close(told.head) == close(anew.head)
            assert [close(bar) for bar in told.bars] == [close(bar) for bar in anew.bars]


def close(model):
    """A model as data, amounts rounded to what adding in another order may change."""

    def rounded(value):
        if isinstance(value, float):
            return round(value, 9)
        if isinstance(value, dict):
            return {key: rounded(part) for key, part in value.items()}
        return [rounded(part) for part in value] if isinstance(value, list) else value

    wire = model.to_wire()
    if "models" in wire:
        wire["models"] = sorted(wire["models"])
    return rounded(wire)


def test_steps_that_are_priced_anew_count_with_their_new_price(store):
    filler = Filler(store, 2)
    filler.add(50)
    meter = UsageMeter(store)
    meter.figures(look())
    store.price_steps({f"s{n}": {"cost_usd": 0.5} for n in range(1, 51)}).result()
    assert meter.figures(look()).head.totals.cost_usd == 25


@contextmanager
def counted(store):
    """Count the instructions, by hundreds, that SQLite runs for reads."""
    found = [0]

    def one_more():
        found[0] += 1
        return 0

    connect = type(store).connect

    @contextmanager
    def watched(self):
        with connect(self) as connection:
            connection.connection.dbapi_connection.set_progress_handler(one_more, 100)
            yield connection
            connection.connection.dbapi_connection.set_progress_handler(None, 0)

    type(store).connect = watched
    try:
        yield found
    finally:
        type(store).connect = connect


@pytest.mark.parametrize("by", ["time", "model", "conversation", "step"])
def test_an_update_costs_what_is_new_however_much_there_is(tmp_path, by):
    costs = []
    for size in (300, 3000):
        with Store(tmp_path / f"{size}.db") as store:
            filler = Filler(store, 3, conversations=1 if by == "step" else 7)
            filler.add(size)
            meter = UsageMeter(store, "c0" if by == "step" else None)
            with counted(store) as first:
                meter.figures(look(by=by))
            filler.add(5)
            with counted(store) as more:
                meter.figures(look(by=by))
            costs.append((first[0], more[0]))
    (_, small), (whole, large) = costs
    assert large < 1.5 * small + 10
    assert large < whole / 5


def test_periods_are_chosen_so_that_bars_can_be_read():
    first = hour_of(datetime(2026, 1, 5, 10, tzinfo=UTC))
    for hours, period, bars in (
        (0, "hour", 1),
        (40, "hour", 41),
        (24 * 50, "day", 51),
        (24 * 300, "week", 43),
        (24 * 365 * 4, "month", 49),
        (24 * 365 * 30, "month", MOST_PERIODS),
    ):
        found, starts = period_starts([first + hours, first])
        assert (found, len(starts) - 1) == (period, bars)
        assert starts[-2] <= first + hours < starts[-1]
    assert datetime.fromtimestamp(period_starts([first, first + 24 * 300])[1][0] * 3600, UTC) == (
        datetime(2026, 1, 5, tzinfo=UTC)
    )


def test_a_quantile_lies_between_its_neighbours_as_in_pandas():
    dice = random.Random(4)
    for count in range(1, 40):
        values = sorted(dice.random() for _ in range(count))
        for share in (0.5, 0.95):
            assert quantile(values, share) == pytest.approx(pd.Series(values).quantile(share))

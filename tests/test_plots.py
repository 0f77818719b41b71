"""Charts: what is drawn is what the frames hold, in every look, also where there is nothing."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageColor

import dispatch_nb as dn
from dispatch_nb import plots
from dispatch_nb.errors import FrameError
from dispatch_nb.plots import drawing, of_steps, of_tables, of_turns
from dispatch_nb.plots.slots import slots_of
from dispatch_nb.plots.words import short_names
from notebooks.sample_store import make_sample

STEPS = (plots.tokens, plots.cost, plots.context)
DRAWN = (*STEPS, plots.waterfall, plots.gaps, plots.tools)
DRAWINGS = {**vars(of_steps), **vars(of_turns)}
LONG = "openrouter/a-vendor-with-a-long-name/a-model-with-a-long-name-of-2025-11-03-preview"


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    path = tmp_path_factory.mktemp("sample") / "sample.db"
    make_sample(path, conversations=30)
    return dn.Store(path)


@pytest.mark.parametrize("draw", DRAWN, ids=lambda draw: draw.__name__)
class TestEveryChart:
    @pytest.mark.parametrize("kind", ["altair", "mpl"])
    def test_is_drawn_in_every_look(self, draw, kind, sample):
        for theme, ground in ((None, None), ("light", (255, 255, 255)), ("dark", (21, 23, 26))):
            image = Image.open(io.BytesIO(draw(sample, kind=kind, theme=theme).png(1)))
            corner: Any = image.convert("RGBA").getpixel((2, 2))
            assert corner[3] == 0 if ground is None else corner[:3] == ground
            drawing = DRAWINGS[draw.__name__](sample)
            most = drawing.data.groupby("group")["y"].sum().idxmax()
            colour = ImageColor.getrgb(drawing.groups[most])
            assert colour in {each for _, each in image.convert("RGB").getcolors(1 << 24) or ()}

    @pytest.mark.parametrize("kind", ["altair", "mpl"])
    def test_says_so_where_there_is_nothing(self, draw, kind):
        plot = draw(dn.Store(":memory:"), kind=kind)
        assert plot.data.empty
        assert any(word in repr(plot) for word in ("No ", "no "))
        assert '<svg style="max-width:100%' in plot.svg()

    def test_refuses_what_it_cannot_draw_from(self, draw, sample):
        with pytest.raises(FrameError, match="drawn from"):
            draw("lab.db")
        with pytest.raises(FrameError, match="drawn from"):
            draw(sample.conversations)
        if draw is not plots.waterfall:
            with pytest.raises(FrameError, match="which are not there"):
                draw(pd.DataFrame({"a": [1]}))


@pytest.mark.parametrize("draw", STEPS, ids=lambda draw: draw.__name__)
def test_a_frame_draws_as_its_store_does(draw, sample):
    of_frame, of_store = draw(sample.steps), draw(sample)
    if draw is plots.context:  # a frame of steps does not know the titles
        of_frame, of_store = (each.data.drop(columns="group") for each in (of_frame, of_store))
        assert of_frame.equals(of_store)
    else:
        assert of_frame.data.equals(of_store.data)


def test_the_bars_add_up_to_the_frames(sample):
    steps = sample.steps
    assert of_steps.tokens(sample).data["y"].sum() == steps["total_tokens"].sum()
    assert of_steps.cost(sample).data["y"].sum() == pytest.approx(steps["cost_usd"].sum())
    assert of_turns.tools(sample).data["y"].sum() == len(sample.tool_calls)
    lacking = steps[steps["cost_usd"].isna()]
    unpriced = int(lacking["input_tokens"].notna().sum())
    told = of_steps.cost(sample).subtitle
    assert f"{unpriced} requests without a price (qwen3-8b) not in it" in told
    assert f"{len(lacking) - unpriced} request" in told


def test_a_waterfall_has_the_times_of_its_turn(sample):
    turn = sample.turns.sort_values("tool_call_count").iloc[-1]
    data = of_turns.waterfall(sample, turn["turn_id"]).data
    by_group = data.groupby("group")["y"].sum()
    assert by_group["tool"] + by_group.get("failed tool", 0) == pytest.approx(turn["tool_time_s"])
    model = by_group["waiting for the model"] + by_group["answering"]
    assert model == pytest.approx(turn["model_time_s"], abs=1e-3)
    assert data["x2"].max() <= turn["duration_s"] + 1e-6
    with pytest.raises(FrameError, match="no turn 'nobody'"):
        plots.waterfall(sample, "nobody")


def test_the_window_of_the_model_is_the_line_across_the_context(sample):
    opus = sample.frame("steps", models="claude-opus-4-1")
    rule = of_steps.context(opus).rule
    assert rule is not None
    known = dn.prices.prices_of("anthropic", "claude-opus-4-1")
    assert known is not None
    assert rule.value == known.context_window


def test_few_gaps_are_dots_and_many_are_counted(sample):
    few = sample.frame("deltas", conversation_id="sample-003")
    assert of_turns.gaps(few).kind == "dots"
    many = of_turns.gaps(sample)
    assert many.kind == "bars"
    assert many.data["y"].sum() == pytest.approx(100)


def test_a_chart_is_saved_as_its_name_says(sample, tmp_path):
    plot = plots.cost(sample)
    plot.save(tmp_path / "c.png")
    plot.save(tmp_path / "c.svg")
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "c.svg").read_text().startswith("<svg")
    with pytest.raises(FrameError, match=r"\.svg or \.png"):
        plot.save(tmp_path / "c.pdf")
    shown = plot._repr_mimebundle_()
    assert set(shown) == {"text/html", "image/png", "text/plain"}
    assert 'alt="Cost per ' in shown["text/html"]
    assert "http" not in shown["text/html"]
    with pytest.raises(FrameError, match="width is pixels"):
        plots.cost(sample, width=10)


@pytest.mark.parametrize("kind", ["altair", "mpl"])
@pytest.mark.parametrize("width", [360, 720])
def test_every_chart_is_as_wide_as_was_asked_whatever_its_names(kind, width, sample):
    steps = sample.steps
    models = steps.assign(response_model=[f"{LONG}-{index % 12}" for index in range(len(steps))])
    calls = sample.tool_calls
    calls["tool_name"] = [f"mcp__server__{LONG}_{index % 45}" for index in range(len(calls))]
    table = pd.DataFrame({LONG: [1.0, 2.0], "b": [3.0, 4.0]}, index=[f"{LONG} 1", f"{LONG} 2"])
    for plot in (
        plots.cost(models, kind=kind, width=width),
        plots.tools(calls, kind=kind, width=width),
        plots.compare(table, LONG, f"{LONG} $1 and $2", kind=kind, width=width),
        *(draw(sample, kind=kind, width=width) for draw in DRAWN),
    ):
        assert abs(Image.open(io.BytesIO(plot.png(1))).width - width) <= 2


@pytest.mark.parametrize("kind", ["altair", "mpl"])
@pytest.mark.parametrize("count", [1, 2, 60, 61, 1000])
def test_few_and_many_requests_are_drawn_in_at_most_sixty_bars(kind, count, sample):
    steps = pd.concat([sample.steps] * 20).head(count)
    for every in ("7s", "9min", "11h", "9D", "40D"):
        times = pd.date_range("2025-11-03", periods=count, freq=every, tz="UTC").as_unit("us")
        each = steps.assign(requested_at=times)
        drawn = of_steps.tokens(each)
        assert drawn.data["x"].nunique() <= (60 if every != "40D" else 120)
        assert drawn.data["y"].sum() == each["total_tokens"].sum()
        if every == "9min":
            assert plots.tokens(each, kind=kind).png(1)
            assert plots.context(each, kind=kind).png(1)


def test_times_are_counted_in_the_unit_that_they_span():
    def word(freq, count=1000):
        times = pd.date_range("2024-12-30", periods=count, freq=freq, tz="UTC")
        return slots_of(pd.Series(times.as_unit("us"))).word

    assert [word(each) for each in ("1s", "15s", "1min", "1h", "3h", "9h", "2D")] == [
        *("minute", "5 minutes", "hour", "day", "week", "week", "year"),
    ]
    assert word("2D", 60) == "request"
    unknown = pd.Series([pd.NaT] * 99, dtype="datetime64[us, UTC]")
    assert slots_of(unknown).word == "request"


def test_requests_without_a_time_are_told_where_time_is_the_axis(sample):
    steps = sample.steps
    steps.loc[steps.index[steps["input_tokens"].notna()][:3], "requested_at"] = pd.NaT
    assert "3 requests without a time are in no bar" in of_steps.tokens(steps).subtitle


def test_long_names_are_cut_in_the_middle_and_stay_apart():
    names = [f"{LONG}-{index}" for index in range(12)] + [
        f"{'a' * 15}{index}{'b' * 25}" for index in range(9)
    ]
    short = short_names(names)
    assert len(set(short.values())) == len(names)
    assert max(map(len, short.values())) <= 30
    assert short[f"{LONG}-11"].endswith("preview-11")


def test_colours_that_meet_differ_for_every_eye():
    # How eyes without red, green or blue see linear RGB (Machado, Oliveira and Fernandes, 2009).
    eyes = {
        "all": np.eye(3),
        "no red": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
        "no green": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
        "no blue": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
    }
    # Oklab, in which distances are how different colours look.
    to_cones = [[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]]
    to_lab = [[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]

    def linear(colour):
        parts = np.array(ImageColor.getrgb(colour)) / 255
        return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)

    def seen(colour, eye):
        light = np.clip(np.array(eyes[eye]) @ linear(colour), 0, 1)
        return np.array(to_lab) @ np.cbrt(np.array(to_cones) @ light)

    def shine(colour):
        return float(linear(colour) @ [0.2126, 0.7152, 0.0722]) + 0.05

    met = [of_steps._KINDS, of_turns._SPANS, {"gap": drawing.BLUE, "stall": drawing.RED}]
    met += [{"done": drawing.TEAL, "failed": drawing.RED, "open": drawing.AMBER}]
    for groups in (*(list(each.values()) for each in met), drawing.PALETTE[:4]):
        for place, one in enumerate(groups):
            for other in groups[place + 1 :]:
                for eye in eyes:
                    apart = np.linalg.norm(seen(one, eye) - seen(other, eye))
                    assert apart > 0.055, (one, other, eye)
    for colour in (*drawing.PALETTE, drawing.RED):
        assert 1.05 / shine(colour) > 2.75
        assert shine(colour) / shine("#15171a") > 3


def test_a_table_is_compared_as_it_is_written(tmp_path):
    table = pd.DataFrame(
        {"now": [45.2, 0.004, -3.0], "then": [9.4, None, 1250.5]}, index=["a", ("b", 1), "c"]
    )
    made = of_tables.compare(table, "T", "S", "usd")
    assert made.data["y"].tolist() == [45.2, 9.4, 0.004, -3.0, 1250.5]
    assert made.ends["b, 1", "now"] == "$0.0040"
    assert made.ends["c", "then"] == "$1,250.50"
    for kind in ("altair", "mpl"):
        assert plots.compare(table, "T", unit="usd", kind=kind).png(1)
        assert (
            repr(plots.compare(table.iloc[:0], "T", kind=kind))
            == "<Plot The table has no numbers.>"
        )
    with pytest.raises(FrameError, match="work is not"):
        plots.compare(table.assign(work="x"), "T")
    with pytest.raises(FrameError, match="names that differ"):
        plots.compare(pd.concat([table, table]), "T")
    with pytest.raises(FrameError, match="a person can read"):
        plots.compare(pd.DataFrame({"a": range(60)}), "T")
    sample_list: Any = [1]
    with pytest.raises(FrameError, match="not from list"):
        plots.compare(sample_list, "T")


def test_matplotlib_stands_in_where_altair_is_not_installed():
    program = """
import sys
from importlib import util
sys.modules["altair"] = None
found = util.find_spec
util.find_spec = lambda name, *rest: None if name == "altair" else found(name, *rest)
import dispatch_nb as dn
print(type(dn.plots.tokens(dn.Store(":memory:")).chart).__name__)
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert told.stdout.strip() == "Figure", told.stderr


def test_a_live_chart_follows_a_turn(tmp_path):
    from tests.waiting import wait_until

    chat = dn.Chat(store=tmp_path / "lab.db")
    view = plots.live(chat)
    assert "No request has counted tokens yet" in view.value
    chat.send("hello").result(timeout=20)
    wait_until(lambda: "Tokens per request" in view.value and "in all" in view.value)


def test_a_sample_is_the_same_each_time(tmp_path):
    frames = []
    for name in ("a.db", "b.db"):
        make_sample(tmp_path / name, conversations=12)
        store = dn.Store(tmp_path / name)
        frames.append((store.steps, store.chunks.drop(columns="message_id"), store.tool_calls))
    for one, other in zip(*frames, strict=True):
        assert one.equals(other)


def test_the_folder_of_the_sample_is_importable():
    assert Path(make_sample.__code__.co_filename).name == "sample_store.py"

"""Charts: what is drawn is what the frames hold, in every look, also where there is nothing."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageColor

import dispatch_nb as dn
from dispatch_nb import plots
from dispatch_nb.errors import FrameError
from dispatch_nb.plots import charts
from notebooks.sample_store import make_sample

STEPS = (plots.tokens, plots.cost, plots.context)
DRAWN = (*STEPS, plots.waterfall, plots.gaps, plots.tools)


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
            drawing = getattr(charts, draw.__name__)(sample)
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


@pytest.mark.parametrize("draw", STEPS, ids=lambda draw: draw.__name__)
def test_a_frame_draws_as_its_store_does(draw, sample):
    assert draw(sample.steps).data.equals(draw(sample).data)


def test_the_bars_add_up_to_the_frames(sample):
    steps = sample.steps
    assert charts.tokens(sample).data["y"].sum() == steps["total_tokens"].sum()
    assert charts.cost(sample).data["y"].sum() == pytest.approx(steps["cost_usd"].sum())
    assert charts.tools(sample).data["y"].sum() == len(sample.tool_calls)
    lacking = int(steps["cost_usd"].isna().sum())
    assert f"{lacking} requests without a price" in charts.cost(sample).subtitle


def test_a_waterfall_has_the_times_of_its_turn(sample):
    turn = sample.turns.sort_values("tool_call_count").iloc[-1]
    data = charts.waterfall(sample, turn["turn_id"]).data
    by_group = data.groupby("group")["y"].sum()
    assert by_group["tool"] + by_group.get("failed tool", 0) == pytest.approx(turn["tool_time_s"])
    model = by_group["waiting for the model"] + by_group["answering"]
    assert model == pytest.approx(turn["model_time_s"], abs=1e-3)
    assert data["x2"].max() <= turn["duration_s"] + 1e-6
    with pytest.raises(FrameError, match="no turn 'nobody'"):
        plots.waterfall(sample, "nobody")


def test_the_window_of_the_model_is_the_line_across_the_context(sample):
    opus = sample.frame("steps", models="claude-opus-4-1")
    rule = charts.context(opus).rule
    assert rule is not None
    known = dn.prices.prices_of("anthropic", "claude-opus-4-1")
    assert known is not None
    assert rule.value == known.context_window


def test_few_gaps_are_dots_and_many_are_counted(sample):
    few = sample.frame("deltas", conversation_id="sample-003")
    assert charts.gaps(few).kind == "dots"
    many = charts.gaps(sample)
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
    assert set(shown) == {"text/html", "image/svg+xml", "text/plain"}
    assert 'alt="Cost by model"' in shown["text/html"]


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
    wait_until(lambda: "Tokens by request" in view.value and "in all" in view.value)


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

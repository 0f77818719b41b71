"""The aims of the stream benchmark, as ratios between cases of one run."""

from __future__ import annotations

from collections.abc import Iterator

from measuring import verdict
from stream_run import LIMIT_S, Case, Result, median

__all__ = ["bars"]

MOST_MESSAGES_A_SECOND = 65


def bars(results: dict[Case, list[Result]]) -> Iterator[str]:
    """Yield a line for each aim whose cases were run."""
    figures = _Figures(results)
    for number, aim in enumerate(_AIMS, start=1):
        try:
            lines = list(aim(figures))
        except KeyError:
            lines = ["not run"]
        for line in lines:
            yield f"{number:2}  {line}"


class _Figures:
    def __init__(self, results: dict[Case, list[Result]]) -> None:
        self.results = results

    def __call__(self, name: str, *case: object) -> float:
        value = median(self.runs(*case), name)
        # What never came took the limit at the least.
        if name == "wall":
            return min(value, LIMIT_S)
        if name == "lag":
            asked = Case(*case)  # type: ignore[arg-type]
            return min(value, LIMIT_S - asked.tokens / asked.rate)
        return value

    def runs(self, *case: object) -> list[Result]:
        return self.results[Case(*case)]  # type: ignore[arg-type]

    def text(self, *case: object) -> int:
        return self.runs(*case)[0].text_bytes


def _ratio(value: float, bar: float, words: str, *, least: bool = False) -> str:
    is_met = value >= bar if least else value <= bar
    sign = "≥" if least else "≤"
    return f"{verdict(is_met, words)} {sign} {bar:g} (here {value:.2f})"


def _bytes_at_full_speed(f: _Figures) -> Iterator[str]:
    text = f.text("outbox", 8000)
    alone = f("bytes", "outbox", 8000)
    yield _ratio(alone / text, 2, "bytes / text at full speed, 8,000 tokens")
    after = f("bytes", "outbox", 8000, 0, 2000)
    yield _ratio(abs(after / alone - 1), 0.1, "change of bytes with 2,000 earlier messages")


def _bytes_at_200(f: _Figures) -> Iterator[str]:
    case = (2000, 200, 200)
    ratio = f("bytes", "outbox", *case) / f("bytes", "raw", *case)
    yield _ratio(ratio, 1.3, "bytes / floor at 200 tokens a second")


def _messages(f: _Figures) -> Iterator[str]:
    ours = [
        run.messages / run.seconds
        for case, runs in f.results.items()
        if case.peer in ("outbox", "whole") and case.rate and not case.drop_every
        for run in runs
    ]
    if not ours:
        raise KeyError("outbox")
    yield _ratio(max(ours), MOST_MESSAGES_A_SECOND, "messages a second at any pace")


def _wall(f: _Figures) -> Iterator[str]:
    for case, extra in [((2000,), 0.05), ((8000,), 0.15), ((2000, 0, 2000), 0.15)]:
        bar = 3 * f("wall", "raw", *case) + extra
        words = f"wall seconds at full speed {case}, three floors and {extra} s"
        yield _ratio(f("wall", "outbox", *case), round(bar, 2), words)
    bar = 3 * f("wall", "raw", 8000) + 0.6
    words = "the same with engine and store, three floors and 0.6 s"
    yield _ratio(f("wall", "whole", 8000), round(bar, 2), words)


def _against_peers(f: _Figures) -> Iterator[str]:
    for peer in ("markdown", "panel_chat"):
        if Case(peer, 2000) in f.results:
            ratio = f("wall", peer, 2000) / f("wall", "outbox", 2000)
            yield _ratio(ratio, 50, f"times faster than {peer} at full speed", least=True)


def _lag(f: _Figures) -> Iterator[str]:
    case = (2000, 200, 200)
    late = f("lag", "outbox", *case)
    yield _ratio(late - f("lag", "raw", *case), 0.05, "lag beyond the floor's at 200 a second, s")
    yield _ratio(f("lag", "markdown", *case) / late, 50, "times display's lag", least=True)


def _bytes_against_peers(f: _Figures) -> Iterator[str]:
    ours = f("bytes", "outbox", 2000, 200, 200)
    ratio = f("bytes", "markdown", 2000, 200, 200) / ours
    yield _ratio(ratio, 15, "times fewer bytes than markdown", least=True)
    ratio = f("bytes", "panel_chat", 2000, 200, 0) / ours
    yield _ratio(ratio, 8, "times fewer bytes than panel_chat", least=True)


def _growth(f: _Figures) -> Iterator[str]:
    for name in ("bytes", "wall"):
        per_token = f(name, "outbox", 8000) / 8000 / (f(name, "outbox", 2000) / 2000)
        yield _ratio(per_token, 1.5, f"{name} per token, 8,000 against 2,000 tokens")
    more = f("wall", "outbox", 2000, 0, 2000) - 0.05
    yield _ratio(
        more / f("wall", "outbox", 2000), 1.5, "wall with 2,000 earlier messages less 50 ms"
    )


def _smoothness(f: _Figures) -> Iterator[str]:
    case = (8000, 2000, 200)
    ratio = f("frame_p95_ms", "outbox", *case) / f("frame_p95_ms", "raw", *case)
    yield _ratio(ratio, 1.5, "frame gap p95 / floor at 2,000 tokens a second")
    yield _ratio(f("long_tasks_ms", "outbox", *case), 100, "long tasks there, ms in all")


def _kernel_cpu(f: _Figures) -> Iterator[str]:
    case = (2000, 200, 200)
    ratio = f("kernel_cpu", "outbox", *case) / f("kernel_cpu", "raw", *case)
    yield _ratio(ratio, 1.3, "kernel CPU / floor at 200 tokens a second")
    ratio = f("kernel_cpu", "panel_chat", 2000, 200, 0) / f("kernel_cpu", "outbox", *case)
    yield _ratio(ratio, 10, "times less kernel CPU than panel_chat", least=True)


def _nothing_lost(f: _Figures) -> Iterator[str]:
    for case, runs in f.results.items():
        if case.peer in ("outbox", "whole") and (case.tokens, case.rate) in (
            (8000, 0),
            (8000, 2000),
        ):
            whole = sum(run.is_whole for run in runs)
            dropped = (
                f", {sum(run.dropped for run in runs)} messages dropped" if case.drop_every else ""
            )
            words = f"{case.peer}: the page holds what was sent in {whole} of {len(runs)}{dropped}"
            yield verdict(whole == len(runs), words)


_AIMS = (
    _bytes_at_full_speed,
    _bytes_at_200,
    _messages,
    _wall,
    _against_peers,
    _lag,
    _bytes_against_peers,
    _growth,
    _smoothness,
    _kernel_cpu,
    _nothing_lost,
)

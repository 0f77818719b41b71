"""Who may import whom: the arrows between the rooms, checked on every module's imports."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "dispatch_nb"

# Each room, and what it may import of ours: a room, or one module of a room. Everyone may
# import `errors`.
ARROWS: dict[str, set[str]] = {
    "errors": set(),
    "keys": set(),
    "wire": set(),
    "transcript": {"wire"},
    "engine": {"transcript", "wire"},
    "loop": set(),
    "prices": set(),
    "providers": {"engine.contracts", "keys", "wire"},
    "tools": {"engine.contracts", "wire"},
    "store": {"transcript", "wire"},
    # `store.rows` is what the store's contract consists of: plain rows, no database.
    "conversation": {"engine", "framed", "store.rows", "transcript", "wire"},
    "frames": {"store", "transcript", "wire"},
    # Reads a store, a conversation or a turn as frames, and imports pandas only then.
    "framed": {"frames", "transcript"},
    "settings": {"engine.contracts", "keys", "wire.conversation"},
    # Prices steps for `compose`, and stored ones for the person.
    "costs": {"framed", "frames", "prices", "store"},
    "compose": {
        "conversation",
        "costs.step",
        "engine",
        "keys",
        "loop",
        "providers",
        "settings",
        "store",
        "tools",
        "wire",
    },
    # The figures of the usage widget: the frames' own SQL, added up.
    "metering": {"engine.usage", "frames", "transcript", "wire"},
    "widget": {
        "catalog",
        "compose",
        "conversation",
        "engine.contracts",
        "engine.usage",
        "framed",
        "keys",
        "loop",
        "metering",
        "store.rows",
        "transcript",
        "wire",
    },
    "catalog": {"frames", "keys", "loop", "prices", "providers"},
    "plots": {"framed", "frames", "prices"},
    "library": {"compose", "framed", "frames", "keys", "store", "widget"},
    "interchange": {"compose", "framed", "frames", "store", "wire"},
    "cli": {"compose", "conversation", "frames", "loop", "wire"},
    "__init__": {
        "catalog",
        "costs",
        "engine.contracts",
        "framed",
        "library",
        "plots",
        "prices",
        "providers.scripted",
        "tools.function",
        "widget",
    },
}

# What a room may name in annotations alone, because objects of it are passed in as arguments.
TYPE_ARROWS: dict[str, set[str]] = {
    "conversation": {"loop", "store"},
    "widget": {"store"},
}

# The rooms without effects, and all that they may import of others.
PURE: dict[str, set[str]] = {
    "errors": set(),
    "wire": {"json", "math", "pydantic", "pydantic_core"},
    "transcript": {"bisect", "itertools", "math", "pydantic"},
}
HARMLESS = {"__future__", "collections", "dataclasses", "typing"}

# Libraries that have one home.
HOMES: dict[str, set[str]] = {
    "alembic": {"store"},
    "anywidget": {"widget"},
    "griffe": {"tools"},
    "genai_prices": {"prices"},
    "httpx": {"providers"},
    "altair": {"plots"},
    "matplotlib": {"plots"},
    "numpy": {"frames", "plots"},
    "pandas": {
        *("catalog", "cli", "costs", "framed", "frames", "interchange", "library", "plots"),
        "widget",
    },
    "sqlalchemy": {"frames", "interchange", "store", "metering"},
    "traitlets": {"widget"},
}


@dataclass(frozen=True)
class Import:
    """One import statement; `target` is a dotted module, ours relative to the package."""

    path: str
    line: int
    room: str
    target: str
    is_ours: bool
    for_types: bool

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.room} -> {self.target}"


def imports_of(path: Path) -> Iterator[Import]:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    room = parts[0]
    tree = ast.parse(path.read_text("utf-8"))
    type_only = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for branch in node.body
        for inner in ast.walk(branch)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        for target, is_ours in targets_of(node, parts):
            shown = str(path.relative_to(PACKAGE.parent))
            yield Import(shown, node.lineno, room, target, is_ours, node in type_only)


def targets_of(
    node: ast.Import | ast.ImportFrom, parts: tuple[str, ...]
) -> Iterator[tuple[str, bool]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield split(alias.name)
    elif node.level == 0:
        yield split(node.module or "")
    else:
        base = parts[: len(parts) - node.level]
        inside = [*base, *(node.module.split(".") if node.module else [])]
        for alias in node.names:
            named = [*inside, alias.name]
            yield ".".join(named if is_module(named) else inside) or "__init__", True


def split(name: str) -> tuple[str, bool]:
    root, _, inside = name.partition(".")
    return (inside or "__init__", True) if root == PACKAGE.name else (name, False)


def is_module(parts: list[str]) -> bool:
    place = PACKAGE.joinpath(*parts)
    return place.with_suffix(".py").exists() or place.is_dir()


MODULES = sorted(PACKAGE.rglob("*.py"))
IMPORTS = [found for path in MODULES for found in imports_of(path)]
BETWEEN_ROOMS = [i for i in IMPORTS if i.is_ours and i.target.split(".")[0] != i.room]


def is_allowed(target: str, allowed: set[str]) -> bool:
    return any(target == each or target.startswith(f"{each}.") for each in allowed)


def test_every_room_has_its_arrows():
    assert {found.room for found in IMPORTS} <= set(ARROWS)
    named = {each.split(".")[0] for allowed in ARROWS.values() for each in allowed}
    assert named <= set(ARROWS)


@pytest.mark.parametrize("room", ARROWS)
def test_a_room_imports_only_along_its_arrows(room):
    wrong = [
        str(found)
        for found in BETWEEN_ROOMS
        if found.room == room
        and not is_allowed(found.target, ARROWS[room] | {"errors"})
        and not (found.for_types and is_allowed(found.target, TYPE_ARROWS.get(room, set())))
    ]
    assert wrong == []


@pytest.mark.parametrize("room", PURE)
def test_a_pure_room_knows_no_clock_randomness_files_or_views(room):
    allowed = PURE[room] | HARMLESS
    wrong = [
        str(found)
        for found in IMPORTS
        if found.room == room and not found.is_ours and found.target.split(".")[0] not in allowed
    ]
    assert wrong == []


@pytest.mark.parametrize("library", HOMES)
def test_a_library_stays_in_its_home(library):
    using = {i.room for i in IMPORTS if not i.is_ours and i.target.split(".")[0] == library}
    assert using
    assert using <= HOMES[library]


def test_the_arrows_have_no_circle():
    left = {room: {each.split(".")[0] for each in allowed} for room, allowed in ARROWS.items()}
    while left:
        free = {room for room, needed in left.items() if not needed & set(left)}
        assert free, f"circle among {sorted(left)}"
        left = {room: needed for room, needed in left.items() if room not in free}


def test_the_reader_of_imports_sees_every_form(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path / "dispatch_nb")
    room = tmp_path / "dispatch_nb" / "wire"
    room.mkdir(parents=True)
    (tmp_path / "dispatch_nb" / "store.py").write_text("")
    source = room / "x.py"
    source.write_text(
        "import os.path\n"
        "import dispatch_nb.store\n"
        "import dispatch_nb\n"
        "from .. import store, absent\n"
        "from ..store import thing\n"
        "from .near import y\n"
        "def late():\n    from ..store import late_thing\n"
        "if TYPE_CHECKING:\n    from ..store import Typed\n"
    )
    seen = [(found.target, found.is_ours, found.for_types) for found in imports_of(source)]
    assert sorted(seen) == sorted(
        [
            ("os.path", False, False),
            ("store", True, False),
            ("store", True, False),
            ("__init__", True, False),
            ("__init__", True, False),
            ("store", True, False),
            ("wire.near", True, False),
            ("store", True, False),
            ("store", True, True),
        ]
    )

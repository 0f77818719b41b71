"""What is built from what a person typed."""

from __future__ import annotations

import pytest

from dispatch_nb.compose import open_conversation, open_store
from dispatch_nb.errors import ModelError, ToolError


@pytest.mark.parametrize(
    "name", ["{}/lab.db", "lab.db", "other/../lab.db", "~/lab.db", "sqlite:///lab.db", "link.db"]
)
def test_one_file_has_one_store_however_its_path_is_written(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "other").mkdir()
    (tmp_path / "link.db").symlink_to(tmp_path / "lab.db")
    with open_store(tmp_path / "lab.db") as store:
        assert open_store(name.format(tmp_path)) is store


def test_the_default_store_is_the_one_that_its_path_names(tmp_path, monkeypatch):
    monkeypatch.setenv("DISPATCH_NB_STORE", str(tmp_path / "mine.db"))
    with open_store() as store:
        assert open_store(tmp_path / "mine.db") is store


def test_every_store_in_memory_is_a_new_one():
    with open_store(":memory:") as one, open_store(":memory:") as two:
        assert one is not two


def test_a_single_function_is_asked_for_in_a_list():
    def now() -> str:
        """Tell the time."""
        return "noon"

    with pytest.raises(ToolError, match=r"Tools come as a list: write tools=\[…\]"):
        open_conversation(tools=now, store=":memory:")  # type: ignore[arg-type]


def test_an_empty_model_name_is_told_what_one_looks_like():
    with pytest.raises(ModelError, match="such as 'openai:MODEL'"):
        open_conversation("", store=":memory:")

"""What a person gets from a release or a clone: the bundle inside, built anew, without Node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STATIC_FILES = {
    f"dispatch_nb/static/{name}"
    for name in ("widget.js", "typeset.js", "library.js", "usage.js", "widget.css", "LICENSES.txt")
}
LOAD_BUNDLE = "from dispatch_nb.widget.assets import load_bundle; load_bundle()"


def attempt(
    *argv: str | Path, cwd: Path, path: str | None = None
) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PATH": path or os.environ["PATH"], "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    for name in ("DISPATCH_NB_SKIP_BUNDLE", "PYTHONPATH"):
        env.pop(name, None)
    return subprocess.run(
        [str(word) for word in argv], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )


def run(*argv: str | Path, cwd: Path, path: str | None = None) -> str:
    done = attempt(*argv, cwd=cwd, path=path)
    assert done.returncode == 0, f"{argv}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def hatchling(tree: Path, target: str, into: Path, *, path: str | None = None) -> Path:
    run(sys.executable, "-m", "hatchling", "build", "-t", target, "-d", into, cwd=tree, path=path)
    (built,) = into.iterdir()
    return built


def wheel_text(wheel: Path, name: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(name).decode()


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the tracked files, as a fresh clone has them."""
    target = tmp_path_factory.mktemp("clone")
    listed = run("git", "ls-files", "-z", cwd=ROOT)
    for name in filter(None, listed.split("\0")):
        source = ROOT / name
        if source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)
    return target


@pytest.fixture(scope="module")
def path_without_node(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a PATH with a shell and nothing else, so with neither node nor npm."""
    folder = tmp_path_factory.mktemp("bin")
    shell = shutil.which("sh")
    if shell is not None:
        (folder / "sh").symlink_to(shell)
    assert shutil.which("npm", path=str(folder)) is None
    return str(folder)


@pytest.fixture(scope="module")
def wheel(tree: Path, tmp_path_factory: pytest.TempPathFactory, path_without_node: str) -> Path:
    """Return the wheel that pip builds from a clone on a machine without Node."""
    into = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet"]
    run(*pip, "wheel", "--no-deps", "-w", into, tree, cwd=into, path=path_without_node)
    (built,) = into.glob("*.whl")
    return built


@pytest.fixture
def installed(wheel: Path, tmp_path: Path, path_without_node: str) -> Path:
    """Return the Python of a new environment that holds the wheel, and see the rest by a path."""
    home = tmp_path / "venv"
    venv.create(home, with_pip=False)
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    # The dependencies come from the environment of the tests; the project itself does not,
    # since an editable install is reached by a .pth file, which is not read from such a path.
    inside = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=home)
    (Path(inside.strip()) / "rest.pth").write_text(sysconfig.get_path("purelib"))
    pip = [sys.executable, "-m", "pip", "--quiet", "--python", str(python)]
    run(*pip, "install", "--no-deps", wheel, cwd=home, path=path_without_node)
    return python


def test_what_every_chat_carries_stays_small() -> None:
    """A notebook host copies the module into each chat, and the notebook keeps it."""
    assert (ROOT / "dispatch_nb" / "static" / "widget.js").stat().st_size < 300_000


def test_a_wheel_built_without_node_is_pure_and_holds_the_front_end(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert names >= STATIC_FILES
        assert all(archive.getinfo(name).file_size > 0 for name in STATIC_FILES)
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"dispatch_nb"}
    assert "dispatch_nb/py.typed" in names


def test_an_installed_wheel_imports_and_finds_its_bundle_without_node(
    installed: Path, tmp_path: Path, path_without_node: str
) -> None:
    code = f"import dispatch_nb; print(dispatch_nb.__file__); dispatch_nb.Chat; {LOAD_BUNDLE}"
    shown = run(installed, "-W", "error", "-c", code, cwd=tmp_path, path=path_without_node)
    assert Path(shown.strip()).is_relative_to(tmp_path)


def test_a_missing_bundle_is_an_error_that_names_the_build_command(
    installed: Path, tmp_path: Path
) -> None:
    find = "import dispatch_nb; print(dispatch_nb.__file__)"
    package = Path(run(installed, "-c", find, cwd=tmp_path).strip()).parent
    assert package.is_relative_to(tmp_path)
    shutil.rmtree(package / "static")
    done = attempt(installed, "-c", LOAD_BUNDLE, cwd=tmp_path)
    assert done.returncode != 0
    assert "BundleMissingError" in done.stderr
    assert "npm run build" in done.stderr


def test_the_wheel_carries_the_licence_of_each_package_in_the_bundle(
    tree: Path, wheel: Path
) -> None:
    told = wheel_text(wheel, "dispatch_nb/static/LICENSES.txt")
    wanted = json.loads((tree / "js" / "package.json").read_text("utf-8"))["dependencies"]
    assert [name for name in wanted if name != "esbuild" and f"\n{name} " not in told] == []
    assert "esbuild" not in told


def test_a_rebuild_after_an_edit_ships_the_new_bundle(
    tree: Path, wheel: Path, tmp_path: Path
) -> None:
    mark = "a line added after the first build"
    with (tree / "js" / "src" / "widget.ts").open("a", encoding="utf-8") as source:
        source.write(f'\nconsole.debug("{mark}");\n')
    assert mark not in wheel_text(wheel, "dispatch_nb/static/widget.js")
    rebuilt = hatchling(tree, "wheel", tmp_path / "rebuilt")
    assert mark in wheel_text(rebuilt, "dispatch_nb/static/widget.js")


def test_an_sdist_carries_the_bundle_and_no_source_of_it_and_builds_without_npm(
    tree: Path, tmp_path: Path, path_without_node: str
) -> None:
    archive = hatchling(tree, "sdist", tmp_path / "sdist")
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="data")
    unpacked = tmp_path / archive.name.removesuffix(".tar.gz")
    assert all((unpacked / name).stat().st_size > 0 for name in STATIC_FILES)
    assert [path.name for path in (unpacked / "js").iterdir()] == ["hatch_build.py"]

    wheel = hatchling(unpacked, "wheel", tmp_path / "wheel", path=path_without_node)
    for name in STATIC_FILES:
        assert wheel_text(wheel, name) == (unpacked / name).read_text(encoding="utf-8")

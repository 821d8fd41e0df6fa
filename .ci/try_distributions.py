"""Try what was built, as somebody without the repository and without Node: ``python .ci/try_distributions.py DIST``.

Both distributions hold the studio's page. In a fresh virtual environment the wheel predicts from an empty folder; with
its extra ``studio`` it starts the studio there, which serves the page as it is committed.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "src" / "digits" / "studio" / "page"


def holds_the_page(names: list[str]) -> bool:
    """Whether each file of the page is among the names of a distribution."""
    wanted = [f"digits/studio/page/{path.relative_to(PAGE).as_posix()}" for path in PAGE.rglob("*") if path.is_file()]
    return all(any(name.endswith(each) for name in names) for each in wanted)


def predict(program: Path, folder: Path) -> list[int]:
    """The answers to the first three test images."""
    command = [program, "predict", "0", "1", "2", "--json"]
    printed = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, check=True).stdout
    return [prediction["label"] for prediction in json.loads(printed)["predictions"]]


def visit_studio(program: Path, folder: Path) -> None:
    """Start it, fetch the page with what it links to, end it with Ctrl-C."""
    environment = {"PATH": "", "DIGITS_STUDIO": str(folder / "studio"), "PYTHONUNBUFFERED": "1"}
    command = [program, "studio", "--no-browser", "--port", "0"]
    with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            line = next(line for line in process.stderr or () if "the studio is at" in line)
            address = re.findall(r"http://\S+/", line)[0]
            page = (PAGE / "index.html").read_text(encoding="utf-8")
            for name in ["", *re.findall(r'(?:src|href)="\./([^"]+)"', page)]:
                with urlopen(address + name, timeout=20) as answer:
                    assert answer.read() == (PAGE / (name or "index.html")).read_bytes(), name
            with urlopen(f"{address}api/models", timeout=20) as answer:
                assert "standard" in answer.read().decode()
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0


def main(distributions: Path) -> None:
    """Try the wheel and the source distribution of a folder."""
    (wheel,), (source,) = distributions.glob("*.whl"), distributions.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as built, tarfile.open(source) as packed:
        assert holds_the_page(built.namelist())
        assert holds_the_page(packed.getnames())
    with tempfile.TemporaryDirectory() as scratch:
        bare, empty = Path(scratch, "bare"), Path(scratch, "empty")
        venv.create(bare, with_pip=True)
        empty.mkdir()
        programs = bare / ("Scripts" if os.name == "nt" else "bin")
        install = [programs / "python", "-m", "pip", "install", "--quiet"]
        subprocess.run([*install, wheel], check=True)
        assert predict(programs / "digits", empty) == [7, 2, 1]
        subprocess.run([*install, f"{wheel}[studio]"], check=True)
        visit_studio(programs / "digits", empty)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

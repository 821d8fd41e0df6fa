"""Runs every `$ digits …` in the console blocks of the manual and writes its true output below it.

    python docs/make_outputs.py              with the shipped model
    python docs/make_outputs.py model.pkl    with another

and the tables of ``tables.py`` into the pages.

Run by hand, with the package installed. All commands of a page run in one folder, with nothing in it but
the model as model.pkl, in the page's order, without colours, as through a pipe. With --json, standard error is left
out. A block that ends in a line "…" keeps its number of lines.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tables import with_tables

from digits.model_files import find_model

DOCS = Path(__file__).parent
BLOCK = re.compile(r"^```console\n\$ (?P<command>digits [^\n]*)\n(?P<output>.*?)^```$", re.DOTALL | re.MULTILINE)
COLUMNS = 86


def main() -> None:
    """Rewrite the pages in which something is other than it was."""
    model = find_model(sys.argv[1] if len(sys.argv) > 1 else "quick")
    for page in (DOCS.parent / "README.md", *sorted(DOCS.glob("*.md"))):
        text = page.read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(model, Path(folder) / "model.pkl")
            rewritten = BLOCK.sub(lambda block, folder=folder: with_output(block, folder), text)
        rewritten = with_tables(rewritten)
        if rewritten != text:
            page.write_text(rewritten, encoding="utf-8")
            print(f"rewrote {page.name}")


def with_output(block: re.Match[str], folder: str) -> str:
    """The block with what its command prints now, its trailing blanks removed."""
    command = block["command"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "COLUMNS": str(COLUMNS), "NO_COLOR": "1"}
    errors = subprocess.DEVNULL if "--json" in command else subprocess.STDOUT
    ran = subprocess.run(
        command, shell=True, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True, check=False
    )
    printed = ran.stdout.replace(str(Path.home()), "/home/you")
    lines = [line.rstrip() for line in printed.strip("\n").split("\n")]
    kept = block["output"].rstrip("\n").split("\n")
    if kept[-1] == "…" and len(kept) <= len(lines):
        lines = [*lines[: len(kept) - 1], "…"]
    print(f"{ran.returncode}  {command}")
    return "\n".join(["```console", f"$ {command}", *lines, "```"])


if __name__ == "__main__":
    main()

"""Where it was measured: ``python -m benchmarks.machine --json FILE`` writes it.

It runs as a process of its own, in the environment of the workers: which kernels BLAS has chosen can only be seen where
it chose.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.rows import PEERS


def describe() -> dict[str, Any]:
    """Everything that the figures depend on, as far as a program can know it."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "processor": processor(),
        "cores": cores(),
        "memory_gigabytes": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "blas": blas(),
        "versions": versions(),
    }


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor() -> str:
    """The model's name, with the numbers that tell generations apart where the name does not."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    facts = {name.strip(): value.strip() for name, value in pairs}
    name = facts.get("model name", platform.machine())
    numbers = ", ".join(f"{key} {facts[key]}" for key in ("cpu family", "model") if key in facts)
    return f"{name} ({numbers})" if numbers else name


def blas() -> list[dict[str, Any]]:
    """The library that NumPy multiplies with: version, kernels, threads."""
    import numpy as np
    from threadpoolctl import threadpool_info

    np.ones((8, 8)) @ np.ones((8, 8))
    keys = ("internal_api", "version", "architecture", "threading_layer", "num_threads")
    return [{key: pool.get(key) for key in keys} for pool in threadpool_info() if pool["user_api"] == "blas"]


def versions() -> dict[str, str]:
    """Of all peers; "not installed" where they are not."""
    found = {}
    for name in sorted({peer.version_of for peer in PEERS.values()} | {"jaxlib", "onnx"}):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def commit() -> str | None:
    """Of the working tree, with "+" where it has changes; None outside of git."""
    git = shutil.which("git")
    if git is None:
        return None

    def ask(*arguments: str) -> str:
        command = [git, *arguments]
        answer = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent, check=False)
        return answer.stdout.strip()

    head = ask("rev-parse", "--short=12", "HEAD")
    return head + ("+" if ask("status", "--porcelain", "--", "../src") else "") if head else None


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.machine", description="Describes this machine.")
    parser.add_argument("--json", type=Path, required=True, metavar="FILE", help="where the description goes")
    options = parser.parse_args()
    options.json.write_text(json.dumps(describe(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

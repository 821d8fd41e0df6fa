"""A process that does one contender's work when it is told to: ``python -m benchmarks.worker``.

It talks with its parent in lines of JSON, on what were standard input and output:

    {"prepare": {…work…}, "module": "pytorch", "threads": null}   →  {"ready": true} or {"problem": "…"}
    {"repeat": true}                                              →  {"seconds": 0.31, "evidence": {…}}

Each contender has a process of its own, since the libraries' threads spin for a while after their work, and would take
the cores from whoever comes next.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from typing import Any

from benchmarks.contenders import Contender
from benchmarks.work import from_json

LARGEST_KEPT = 32 * 2**20 - 2**16  # bytes; glibc takes no larger block for a reason to keep more


def keep_freed_memory() -> None:
    """Have glibc keep memory that is freed for the next who wants some, instead of giving it back to the system.

    It learns to by itself, from the largest block that was ever freed, so a process that has lived for a while does,
    and a young one may not, by chance. Who allocates in every step, as PyTorch does, is up to four times slower then.
    """
    bytearray(LARGEST_KEPT)


def prepare(message: dict[str, Any]) -> Contender:
    """Import the peer's module and let its contender prepare."""
    module = import_module(f"benchmarks.peers.{message['module']}")
    if message["threads"]:
        module.use_threads(message["threads"])
    work = from_json(message["prepare"])
    contender: Contender = getattr(module, work.contender)(work)
    return contender


def main() -> None:
    """Answer each line with a line."""
    keep_freed_memory()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not come between
    contenders: list[Contender] = []
    for line in sys.stdin:
        message = json.loads(line)
        try:
            if "prepare" in message:
                contenders.clear()  # their memory first
                contenders.append(prepare(message))
                answer: dict[str, Any] = {"ready": True}
            else:
                seconds, evidence = contenders[-1].repeat()
                answer = {"seconds": seconds, "evidence": evidence}
        except Exception as error:  # noqa: BLE001 - whatever a peer fails with is an answer, too
            answer = {"problem": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()

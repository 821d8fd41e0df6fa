"""The commands. Each reads its options, calls the library, and prints; none holds an algorithm of its own.

Standard output carries results, standard error everything else. ``main`` turns what a user can mend into one sentence
and exit status 1; click answers wrong usage with status 2; an interruption ends with 130.

One subject a file: ``program`` (the group, and ``main``), ``options`` and ``messages`` (what the commands share),
``train`` (and its recipes), ``evaluate`` (and the shipped models, and the check of gradients), ``robustness`` (two
options of evaluate), ``predict`` (and all else that asks about single images), ``data``, ``read``, ``studio``.

A command imports what it needs when it runs, so that ``digits --help`` waits for click only.
"""

from digits.cli.program import digits, main

__all__ = ["digits", "main"]

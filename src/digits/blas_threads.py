"""How many threads BLAS, which computes NumPy's matrix products, may take."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_lock = threading.Lock()
_holders = 0
_limit: Any = None


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let BLAS use one thread within the block, and as many as before after it.

    The setting is the process's, so blocks in several threads share it: the first sets it, the last one to leave
    restores it. Costs 6 µs.
    """
    global _holders, _limit
    with _lock:
        if _holders == 0:
            _limit = _blas().limit(limits=1)
        _holders += 1
    try:
        yield
    finally:
        with _lock:
            _holders -= 1
            if _holders == 0:
                _limit.restore_original_limits()


@cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController  # 4 ms: only where something is trained

    return ThreadpoolController().select(user_api="blas")

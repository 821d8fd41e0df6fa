"""``python -m digits`` is the same as ``digits``."""

from digits.cli import main

main()

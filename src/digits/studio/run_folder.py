"""The folder of one training run: ``run.json``, where it stands, and its snapshots.

All files are written whole or not at all, and read as safely as models are. After a kill at any moment, the folder
holds the run as it was a few seconds before.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from digits.atomic_files import atomic_write
from digits.errors import DigitsError
from digits.model_files import load_checkpoint, save_checkpoint
from digits.studio.run_record import RunRecord

MOST_RECORD_BYTES = 16 * 2**20


class RunFolder:
    """The files of a run.

    Args:
        path: of the folder; it need not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read_record(self) -> RunRecord:
        """What ``write_record`` wrote.

        Raises:
            DigitsError: if it is missing or damaged.
        """
        file = self.path / "run.json"
        try:
            if file.stat().st_size > MOST_RECORD_BYTES:
                raise DigitsError(f"{file} is too large to be the record of a run.")
            return RunRecord.model_validate_json(file.read_bytes())
        except (OSError, ValidationError) as error:
            raise DigitsError(f"{file} is missing or damaged; remove its folder.") from error

    def write_record(self, record: RunRecord) -> None:
        """Keep the record."""
        with atomic_write(self.path / "run.json") as file:
            file.write(record.model_dump_json().encode())

    def present(self) -> dict[str, Any]:
        """The checkpoint to go on from."""
        return load_checkpoint(self.path / "present.checkpoint")

    def write_present(self, checkpoint: dict[str, Any]) -> None:
        """Keep the checkpoint to go on from."""
        save_checkpoint(self.path / "present.checkpoint", checkpoint)

    def snapshot(self, step: int) -> dict[str, Any]:
        """The checkpoint of a step that was kept."""
        return load_checkpoint(self._snapshot(step))

    def write_snapshot(self, step: int, checkpoint: dict[str, Any]) -> None:
        """Keep the checkpoint of a step."""
        save_checkpoint(self._snapshot(step), checkpoint)

    def snapshots(self) -> set[int]:
        """The steps whose checkpoints are there."""
        return {int(file.stem) for file in self.path.glob("*.snapshot") if file.stem.isdecimal()}

    def remove_snapshot(self, step: int) -> None:
        """Forget the checkpoint of a step."""
        self._snapshot(step).unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _snapshot(self, step: int) -> Path:
        return self.path / f"{step}.snapshot"

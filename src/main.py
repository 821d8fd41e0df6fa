"""``python src/main.py`` is the same as ``digits``; it works from a clone without installing the package itself."""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    try:
        from digits.cli import main

        if len(sys.argv) == 1:  # the menu is the project's: its data/ and model.pkl are those beside this folder
            os.chdir(Path(__file__).resolve().parent.parent)
        main()
    except ModuleNotFoundError as error:  # also out of a command, which imports what it needs when it runs
        if error.name is None or error.name.split(".")[0] == "digits":
            raise
        sys.exit(f"{error.name} is not installed. Type: pip install -r requirements.txt")

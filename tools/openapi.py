"""Print the studio's OpenAPI schema, from which the page's types are made: ``python tools/openapi.py``."""

from __future__ import annotations

import json
import sys

from digits.studio.app import create_app

json.dump(create_app().openapi(), sys.stdout, indent=2)

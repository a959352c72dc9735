"""Killing the broker under load, again and again, and checking that it kept every promise."""

import sys
from pathlib import Path

# The package is run without pytest, too, which is told of this folder in its settings.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support" / "python"))

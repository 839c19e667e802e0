"""Benchmarks: they print figures and assert nothing. `make bench` runs them."""

import sys
from pathlib import Path

# The stack on Docker is made as the tests make it.
sys.path.append(str(Path(__file__).parents[1] / "tests"))

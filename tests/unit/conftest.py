"""Fixtures that every test here may ask for."""

from rigs.parts import clock, ids, store

__all__ = ["clock", "ids", "store"]

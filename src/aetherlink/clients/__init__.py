"""Thin adapters to outside APIs: deadlines, size bounds and typed errors, no decisions."""

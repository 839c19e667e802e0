"""Drills: break something on purpose, and watch whether the agent hears, decides, repairs and proves it."""

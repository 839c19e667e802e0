"""Incidents: which alerts belong together, whom they concern, and how they are opened and filed."""

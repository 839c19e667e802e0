"""A world in memory that the real pipeline, reception and commands live in: seeded, crashed at any step, checked."""

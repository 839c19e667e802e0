"""The pipeline: takes an incident by its id, runs the stage for its stored state, stores what came of it."""

"""AetherLink Command: the self-hosted ops agent."""

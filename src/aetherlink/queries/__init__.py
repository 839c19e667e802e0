"""Questions of people and their tools to Prometheus, within bounds, and each tenant's own samples only."""

"""Hands: what can change a workload. One executor a file, and one line in registry.py."""

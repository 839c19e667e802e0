"""Playbooks: schema, loader, binding of their queries; builtin/ holds one playbook a file."""

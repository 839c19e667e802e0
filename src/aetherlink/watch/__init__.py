"""Who watches the watcher: the agent looks at itself, says when it is not well, and is missed outside when silent."""

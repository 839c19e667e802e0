"""The embedded lab: the whole stack as child processes on one machine, without Docker and without root.

The command line calls `runner.run_lab` and `remote.down`, `remote.status`, `remote.deploy`; the agent reaches it
through its control socket only. Nothing here decides or repairs: what dies stays dead until somebody asks.
"""

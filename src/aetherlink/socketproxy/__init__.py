"""The one thing that touches Docker's socket: lets through what the table in `rights` names, refuses the rest."""

"""Who may do what: principals, tokens, scopes, and the one check that every door uses."""

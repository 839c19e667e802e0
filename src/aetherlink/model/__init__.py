"""Words of the domain: frozen dataclasses and closed sets, standard library only, no I/O."""

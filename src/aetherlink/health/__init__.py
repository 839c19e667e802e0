"""Health: the health score loop, and the watch over the sources that everything else is read from."""

// Filled in below: what is new comes by itself.

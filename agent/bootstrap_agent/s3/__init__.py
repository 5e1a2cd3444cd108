"""How both sides speak to Spaces: one client, one patience, one set of words for what goes wrong."""

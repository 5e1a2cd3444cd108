"""Baked images: what goes in, the bake, which fits, where one comes from."""

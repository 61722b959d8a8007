"""Learned models at the press: which are in use, and what they say beside the physics."""

"""Newest shots against those that a model learned from."""

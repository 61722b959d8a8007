"""Checks of everything an agent stands on, before it starts or while it runs."""

"""The record of a shot and what follows from it."""

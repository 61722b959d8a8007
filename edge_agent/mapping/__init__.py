"""Vocabulary of mappings from foreign names and units to the contract: units, words, problems."""

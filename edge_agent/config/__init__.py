"""The configuration: its files, their order, and what is wrong with them."""

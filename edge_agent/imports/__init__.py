"""Process logs of other people: sources, one transformation to the contract, and where it goes."""

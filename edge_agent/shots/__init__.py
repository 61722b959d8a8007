"""shots: the record of a shot and what follows from it, below all stages."""

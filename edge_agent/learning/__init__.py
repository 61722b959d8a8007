"""Files of the learning loop: feature sets as tables on disk."""

"""The file that an agent keeps until others have it: open shots, results, rows for the history."""

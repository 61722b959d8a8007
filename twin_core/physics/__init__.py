"""The phenomena, one a file: SI numbers in and out, equation and source in the docstring."""

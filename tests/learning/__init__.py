"""The learning loop at full size, judged on plants that it never saw."""

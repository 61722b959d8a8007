"""Results of a simulated shot: key figures, demold window, assessment, audit."""

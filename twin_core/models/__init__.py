"""Models: a shot becomes an ODE problem; a solution becomes what an engineer reads."""

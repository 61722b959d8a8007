"""Settings of an agent, from file, environment and secrets, and the catalogue of a plant."""

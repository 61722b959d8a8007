"""Links to the machines: one module a protocol."""

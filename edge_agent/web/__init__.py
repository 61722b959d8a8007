"""Pages for people at the press and REST for programs, in a process of its own."""

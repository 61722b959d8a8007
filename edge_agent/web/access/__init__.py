"""Who may do what: users, tokens, sessions, and the log of what was done.

``who_may`` is the table of all routes, ``gate`` applies it, ``control`` composes the parts.
"""

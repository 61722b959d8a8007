"""The way of a message through the agent, a module a stage.

receive, decode, assemble, simulate, infer, commit, publish, forward. Whatever a stage does again
after a crash changes nothing: keys are unique.
"""

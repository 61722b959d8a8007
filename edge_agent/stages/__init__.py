"""The way of one shot, a module a stage.

receive -> decode -> assemble -> simulate -> infer -> commit -> publish, forward. Whatever a stage
does again after a crash changes nothing: keys are unique, and the inbox row goes with the result it
led to.
"""

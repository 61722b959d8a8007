"""Settings of a press that are better than those of today, and safe in the scatter of production.

    task        what may change, what must hold, what is wanted
    quality_bounds  bounds beside the quality limits of a part
    variables   settings by name, with bounds and steps -> a scenario
    draws       scatter of the inputs, the same numbers for every candidate
    constraints limits by name -> quality, and margins of every draw
    opening     the earliest time at which enough draws may be opened
    goals       cycle, material, cost, quality margin, pressure, energy
    candidate   one set of settings, judged on some or all draws
    evaluation  candidates -> simulations, as few as decide
    random_search, differential_evolution, front   ways to look for better ones
    prepare     bounds and rules of a task, checked against each other
    state       a search as far as it is; ``search`` and ``advise`` move it on
    confirm     fresh draws for what is advised
    choose      knee or preference on a front
    explain     what it hangs on, and why it is not shorter
    assemble    the result, whole or as far as it is; ``words`` puts it into words
    run         ``optimize``: all of it

Advice only: nothing here knows a machine.
"""

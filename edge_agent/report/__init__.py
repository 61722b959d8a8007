"""Pages for people: reports of a shot, of drift and of an optimisation, and the page on validation.

    content    what a page is made of, as plain data
    plot       what a plot shows, as plain data
    comparison how far a simulation is from a measured or published series
    shot       SimulationResult -> page        (shot_plots, shot_tables, sources, operator)
    validation measured and published runs -> page   (validation_runs, validation_peers)
    drift      DriftResult -> page             (drift_plots)
    optimization   OptimizationResult -> page
    drawing    plot -> PNG or SVG, the only module that needs matplotlib
    as_html, as_markdown   page -> text
    files      page -> file; the suffix decides

A page is built first and written afterwards, so a new form of page needs no new physics, and a new
number no new layout. The same input gives the same bytes: no dates, no paths, no random names.
"""

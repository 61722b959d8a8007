"""Fits of the numbers that nobody publishes, to a data sheet or to a measurement.

``cup.fit_sheet`` makes the simulated cup test give the times and the density of the system's sheet;
``measured.fit_measured`` fits any numbers to measured temperature, density and pressure;
``bulk_cure.fit_cure`` the rates of a cure without foam to measured conversion. Nothing is imported
here: an agent reads parameter sets and need not carry the fits (40 MB with SciPy).
"""

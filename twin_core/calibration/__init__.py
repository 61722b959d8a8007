"""Fits of the numbers that nobody publishes, to a data sheet or to a measurement.

``fit_sheet`` makes the simulated cup test give the times and the density of the system's sheet;
``fit_measured`` fits any numbers to measured temperature, density and pressure; ``fit_cure`` the
rates of a cure without foam to measured conversion.
"""

from twin_core.calibration.bulk_cure import CureFit, fit_cure
from twin_core.calibration.cup import SheetFit, fit_sheet
from twin_core.calibration.measured import MeasuredFit, fit_measured
from twin_core.calibration.observation import Observation

__all__ = [
    "CureFit",
    "MeasuredFit",
    "Observation",
    "SheetFit",
    "fit_cure",
    "fit_measured",
    "fit_sheet",
]

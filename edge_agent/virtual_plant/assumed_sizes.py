"""Sizes of everything hidden. Every number here is ASSUMED: none is published or measured.

They are chosen so that the plant is as wrong about itself as a usual plant might be: the twin's
physics on the reported values misses the moulded density by some 4 to 6 per cent, while scatter
from shot to shot and laboratory alone would make 1.0 to 1.3 per cent. docs/virtual-plant.md repeats
this table.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Assumed:
    """``sigma`` is one standard deviation, relative where there is no unit; ranges are even."""

    # hidden, of a press
    gain_sigma: float = 0.03
    """Metering gain of polyol and of iso: true mass over reported mass, around 1."""
    gain_correlation: float = 0.85
    """Between the two gains: one person weighs both with one scale."""
    wear_max_per_year: float = 0.04
    """A gain falls by 0 to this much in a year: pumps leak as they wear."""
    T_component_offset_sigma_C: float = 0.8
    """Component thermometer: true minus reported."""
    RH_offset_sigma_pct: float = 4.0
    """Hygrometer: true minus reported."""
    mixing_eff_min: float = 0.94
    """Mixing efficiency of a head, from here to 1; the twin takes 1."""
    # hidden, of a mold
    volume_sigma: float = 0.025
    """Cavity over its drawing: wear, polish and deflection, all in the thickness."""
    T_mold_offset_sigma_C: float = 2.0
    """Mold thermometer, and so the tempering controlled by it: true minus reported."""
    T_core_offset_sigma_C: float = 0.7
    """Core probe: true minus reported."""
    tempering_sigma: float = 0.15
    """Conductance to the tempering medium over the nominal one: scale in the channels."""
    flash_max: float = 0.03
    """Share of the shot that leaves as flash, from 0 to this; steady for a mold."""
    fouling_max: float = 0.6
    """Share of the vent area that is fouled just before cleaning, from 0.2 to this."""
    fouling_days_min: float = 15.0
    """Days from one cleaning of the vents to the next, at least."""
    fouling_days_max: float = 45.0
    """… and at most."""
    # hidden, of the material
    lot_days_min: float = 14.0
    """A lot of the material system lasts so long at least, in the whole plant."""
    lot_days_max: float = 35.0
    """… and at most."""
    lot_gelling_sigma: float = 0.06
    """Factor on the rate of gelling (A)."""
    lot_water_rate_sigma: float = 0.06
    """Factor on the rate of the water reaction (A)."""
    lot_water_sigma: float = 0.04
    """Factor on the water content of the polyol."""
    # the hall; the twin is told its temperature and humidity, not its pressure
    T_hall_mean_C: float = 22.0
    """Hall, over the year."""
    T_hall_season_C: float = 5.0
    """Half of summer minus winter."""
    T_hall_day_C: float = 1.5
    """Half of afternoon minus night."""
    T_hall_sigma_C: float = 1.5
    """Weather, which lasts for days."""
    RH_mean_pct: float = 47.0
    """Hall, over the year."""
    RH_season_pct: float = 12.0
    """Half of summer minus winter."""
    RH_sigma_pct: float = 7.0
    """Weather."""
    p_ambient_sigma_bar: float = 0.008
    """Weather; the mean is the standard pressure."""
    weather_memory: float = 0.7
    """Correlation of the weather from one day to the next."""
    season_shift_days: float = 20.0
    """Season of the plant against the calendar, plus or minus."""
    # reported values, around their set points
    metering_sigma: float = 0.006
    """Reported mass of a component, relative."""
    T_component_sigma_C: float = 0.6
    """Reported component, around 23 °C."""
    T_component_hall_share: float = 0.3
    """Tanks follow the hall by this share."""
    T_mold_sigma_C: float = 1.0
    """Reported mold, around its set temperature."""
    T_mold_hall_share: float = 0.15
    """Molds follow the hall by this share."""
    # irreducible: true minus reported, from shot to shot
    shot_mass_sigma: float = 0.012
    """True mass of a component, relative: what no sensor of the machine shows."""
    shot_T_component_sigma_C: float = 0.3
    """Component at the mixing head, from shot to shot."""
    shot_T_mold_sigma_C: float = 0.4
    """Mold wall, from shot to shot."""
    shot_RH_sigma_pct: float = 2.0
    """Air in the open mold, from shot to shot."""
    shot_mixing_sigma: float = 0.003
    """Mixing efficiency, from shot to shot."""
    # sensors in the mold
    T_noise_C: float = 0.3
    """Of a reading."""
    p_noise_bar: float = 0.004
    """Of a reading."""
    T_core_lag_s: float = 4.0
    """First-order lag of the core probe in its sheath."""
    T_mold_lag_s: float = 8.0
    """… of the mold thermometer."""
    p_lag_s: float = 0.7
    """… of the pressure sensor."""
    stuck_share: float = 0.012
    """Share of the shots with a sensor that repeats its value for a while."""
    dropout_share: float = 0.02
    """… with a sensor that says nothing for a while."""
    impossible_share: float = 0.015
    """… with one impossible value."""
    lost_share: float = 0.02
    """… with some frames lost on the way."""
    # people
    cycle_margin_min: float = 1.2
    """Cycle time of a mold over the safe time of a usual shot in it, at least."""
    cycle_margin_max: float = 1.6
    """… and at most."""
    cycle_sigma: float = 0.04
    """Scatter of the opening, relative."""
    hasty_share: float = 0.03
    """Shots opened at 0.6 to 0.9 of the cycle time."""
    # laboratory
    lab_share: float = 0.6
    """Shots that get a quality record."""
    lab_hours_min: float = 1.0
    """From opening to the record, at least."""
    lab_hours_max: float = 20.0
    """… and at most."""
    lab_rho_sigma: float = 0.007
    """Error of the density, relative."""
    lab_hardness_sigma_shore: float = 2.0
    """Error of the hardness."""
    lab_t_demold_sigma: float = 0.03
    """Error of the safe demold time, relative."""
    lab_t_demold_share: float = 0.5
    """Records that say ``t_demold_safe_s``."""
    operator_sigma: float = 0.08
    """Of ``defect_risk_operator``."""


ASSUMED = Assumed()

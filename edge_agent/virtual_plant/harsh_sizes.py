"""Sizes that only the preset ``harsh`` has. Every number is ASSUMED: none is published or measured.

They make a plant in which a running mean of each mold has its say: what is wrong drifts, steps and
comes back, people forget and mistype, and the foam does not follow the 1D model.
docs/virtual-plant.md repeats this table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from edge_agent.virtual_plant.assumed_sizes import ASSUMED, Assumed

SYSTEMS = (
    *("SYSTEM_R1", "SYSTEM_M1", "RIGID_PANEL"),
    *("APPLIANCE_CYCLOPENTANE", "WATER_CYCLOPENTANE", "WATER_N_PENTANE"),
)
"""Material systems of the catalogue that are poured. Not among those that can be simulated: the run
with R-11, which no plant may use any more, and INTEGRAL_SKIN, which with a head that mixes badly
never reaches the cure that the usual quality asks for."""

HARSH_ASSUMED: Assumed = replace(
    ASSUMED,
    lab_share=0.1,
    lab_hours_min=2.0,
    lab_hours_max=30.0,
    lab_t_demold_share=0.8,
    T_hall_day_C=3.0,
    RH_sigma_pct=12.0,
    wear_max_per_year=0.0,
    dropout_share=0.03,
    lost_share=0.03,
)
"""Sizes of ``assumed_sizes``, some of them others; wear is ``wear_max_per_day`` here."""


@dataclass(frozen=True)
class Harsh:
    """``sigma`` is one standard deviation, relative where there is no unit; ranges are even."""

    # time
    spacing_min: float = 25.0
    """Minutes from pour to pour of a mold, for the fastest mold; a longer cycle makes it more."""
    spacing_max: float = 50.0
    """… and for the slowest."""
    spacing_sigma: float = 0.1
    """Scatter of the spacing, relative."""
    stop_share: float = 0.02
    """Shots that come after a stop of the press's mold."""
    stop_hours_max: float = 6.0
    """Such a stop lasts from half an hour to this."""
    week_days: float = 5.0
    """Days of a week that are worked, from Monday on."""
    # parts and materials
    thickness_min_m: float = 0.018
    """Thin panel."""
    thickness_max_m: float = 0.10
    """Thick block; thicknesses are even in the logarithm."""
    side_min_m: float = 0.25
    """Longer side of the part."""
    side_max_m: float = 0.85
    """… and at most."""
    packing_min: float = 1.2
    """Moulded over free-rise density that the recipe aims at."""
    packing_max: float = 1.45
    """… and at most."""
    index_min: float = 1.04
    """Index (NCO to OH) that the recipe aims at, where the system leaves it to the masses."""
    index_max: float = 1.16
    """… and at most."""
    second_system_share: float = 0.3
    """Molds that are poured with a second system now and then."""
    campaign_days_min: float = 3.0
    """Such a mold stays with one system for so long at least."""
    campaign_days_max: float = 8.0
    """… and at most."""
    # disturbances of the truth that nobody sees: AR(1) from shot to shot
    ar_memory: float = 0.9
    """Correlation of a disturbance from one shot (of the press, of the mold) to the next."""
    ar_gain_sigma: float = 0.010
    """Both gains of a press."""
    ar_T_component_sigma_C: float = 0.5
    """Component temperature of a press."""
    ar_mixing_sigma: float = 0.005
    """Mixing efficiency of a press."""
    ar_T_mold_sigma_C: float = 0.8
    """Temperature of a mold."""
    ar_tempering_sigma: float = 0.08
    """Tempering of a mold."""
    ar_density_sigma: float = 0.008
    """Moulded density of a mold, for causes that are in no model."""
    ar_rate_sigma: float = 0.02
    """Speed of the reaction in a mold, for causes that are in no model."""
    ar_pressure_sigma: float = 0.06
    """Gauge pressure in a mold, for causes that are in no model."""
    tail_freedom: float = 4.0
    """Degrees of freedom of the scatter from shot to shot and of the laboratory's error, which are
    of Student's t in a harsh plant, scaled to the sizes above."""
    # steps of the truth
    wear_max_per_day: float = 0.002
    """A gain falls by 0 to this much a day until the next maintenance."""
    maintenance_days_min: float = 5.0
    """From one maintenance of a press to the next, at least: gains and mixing begin anew."""
    maintenance_days_max: float = 14.0
    """… and at most."""
    maintenance_gain_sigma: float = 0.02
    """Gains after a maintenance, over those that the press had on average."""
    maintenance_mixing_sigma: float = 0.01
    """Mixing efficiency after a maintenance, minus that of the press on average."""
    cleaning_days_min: float = 2.0
    """From one cleaning of a mold to the next, at least: vents are free and the skin is bare."""
    cleaning_days_max: float = 6.0
    """… and at most."""
    lot_polyol_days_min: float = 3.0
    """A lot of the polyol of a system lasts so long at least."""
    lot_polyol_days_max: float = 8.0
    """… and at most."""
    lot_iso_days_min: float = 4.0
    """A lot of the isocyanate of a system lasts so long at least."""
    lot_iso_days_max: float = 10.0
    """… and at most."""
    lot_additives_days_min: float = 6.0
    """A lot of the additives of a system lasts so long at least."""
    lot_additives_days_max: float = 15.0
    """… and at most."""
    lot_polyol_water_sigma: float = 0.04
    """Factor on the water, of a lot of polyol."""
    lot_polyol_gelling_sigma: float = 0.04
    """Factor on the rate of gelling, of a lot of polyol."""
    lot_iso_strength_sigma: float = 0.015
    """Factor on the isocyanate that reacts, of a lot of it: its mass in the truth."""
    lot_iso_gelling_sigma: float = 0.04
    """Factor on the rate of gelling, of a lot of isocyanate."""
    lot_additives_rate_sigma: float = 0.06
    """Factor on the rate of the water reaction and, by half, of gelling, of a lot of additives."""
    sensor_days_min: float = 6.0
    """From one replacement of a sensor of a press and its molds to the next, at least; the new one
    has an offset of its own."""
    sensor_days_max: float = 18.0
    """… and at most."""
    # events that people report
    told_maintenance_share: float = 0.8
    """Maintenance that is reported as an event."""
    told_cleaning_share: float = 0.6
    """Cleaning that is."""
    told_lot_share: float = 0.7
    """Lot changes that are."""
    told_sensor_share: float = 0.5
    """Replacements of a sensor that are."""
    told_hours_max: float = 8.0
    """An event arrives 0 to so many hours after it was done, half of them at once."""
    # inputs that are missing or wrong
    outage_days: float = 25.0
    """Days from one outage to the next, on average, of each channel: components and hall of each
    press, wall of each mold."""
    outage_hours_min: float = 2.0
    """An outage lasts so long at least: the twin then takes a set point or a default."""
    outage_hours_max: float = 60.0
    """… and at most; lengths are even in the logarithm."""
    fahrenheit_days: float = 10.0
    """Days from one mix-up of units on a press to the next, on average: a run of shots with inputs,
    core or both in °F under the names of °C."""
    fahrenheit_shots_max: float = 10.0
    """Shots of such a run, from 3 to this."""
    typo_share: float = 0.03
    """Records with a slip of the pen: density times ten, two digits of it swapped, or a safe time
    in minutes."""
    # laboratory
    lab_batch_hours: float = 8.0
    """Results are sent so many hours apart, in no order."""
    lab_late_share: float = 0.15
    """Records that wait for days before they are sent."""
    lab_late_days_max: float = 6.0
    """… from one day to this."""
    # the truth beside the 1D model (truth_layer)
    density_heat: float = 0.012
    """Loss of density at 5 K between mold and set temperature, by the square, up or down."""
    density_damp: float = 0.010
    """Loss of density per 10 % of humidity over ``damp_threshold_pct``; none below it."""
    damp_threshold_pct: float = 55.0
    """Humidity from which moisture settles in the mold."""
    density_damp_cold: float = 0.008
    """More of that loss for each 5 K that the mold is colder than its set temperature."""
    density_overflow: float = 0.02
    """Loss of density where the gauge pressure is twice ``overflow_bar``, by the power of 1.5."""
    overflow_bar: float = 0.25
    """Gauge pressure from which foam leaves through the parting line."""
    activation_sigma_J_per_mol: float = 9000.0
    """Activation energy of a system, minus that of the model, for components and wall."""
    rate_index: float = 0.6
    """Loss of rate, in the logarithm, for each 1 by which the true index is off the recipe's; five
    times its square on top."""
    rate_skin: float = 0.06
    """Delay of the safe time by a skin of release agent, by the root of the time since cleaning."""
    rate_break: float = 0.10
    """Delay of the safe time after a long break, in a mold that has cooled down."""
    break_hours: float = 2.0
    """A mold cools down in a break with this time constant."""
    break_K: float = 4.0
    """Colder than its thermometer shows it, after a long break, at the cavity."""
    pressure_fouling: float = 0.35
    """More gauge pressure with fouled vents, by the power of 1.7 of the fouled share."""
    pressure_yield_bar: float = 0.8
    """Gauge pressure saturates towards this: the clamp gives way."""
    core_heat: float = 0.03
    """Less rise of temperature in the core where the true index is off the recipe's; saturates from
    5 % on."""
    core_wear: float = 0.04
    """Less rise in the core with the age of a mold, saturating within some 300 shots."""
    sensitivity_min: float = 0.5
    """Each mold follows these responses by a factor of its own, from here …"""
    sensitivity_max: float = 1.5
    """… to here."""


HARSH = Harsh()

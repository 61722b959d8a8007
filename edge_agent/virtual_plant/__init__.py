"""A virtual plant with a hidden truth: shots to learn from where there is no machine yet.

    plant = VirtualPlant(7, load_systems(configs_folder() / "systems")["SYSTEM_R1"], shots=500)
    for shot in plant.shots():
        shot.reported, shot.messages, shot.quality     # what press and laboratory say
        shot.nominal                                   # what the twin makes of it: nominal
        shot.true                                      # what really happened: hidden

The foam is simulated in 1D from values that differ from the reported ones, partly for good
(``hidden_truth``) and partly from shot to shot (``foam.Scatter``). How much is in
``assumed_sizes``, and all of it is assumed. With ``preset="harsh"`` the truth also drifts, steps
and follows laws that no model has, and people make mistakes (``harsh_sizes``). Everything a plant
says is labelled simulated. More: docs/virtual-plant.md.
"""

from edge_agent.virtual_plant.assumed_sizes import ASSUMED, Assumed
from edge_agent.virtual_plant.change import Change, parse_change
from edge_agent.virtual_plant.harsh_sizes import HARSH, Harsh
from edge_agent.virtual_plant.molds import write_molds
from edge_agent.virtual_plant.presets import PRESETS
from edge_agent.virtual_plant.shots import VirtualShot
from edge_agent.virtual_plant.virtual_plant import START, VirtualPlant

__all__ = [
    "ASSUMED",
    "HARSH",
    "PRESETS",
    "START",
    "Assumed",
    "Change",
    "Harsh",
    "VirtualPlant",
    "VirtualShot",
    "parse_change",
    "write_molds",
]

"""`refined`: fast simulation, corrected by networks so that it is like full simulation.

What to use when: `RefinedSimulator` in a run, `variables` for what is refined, `losses` (imports torch) to train.
"""

from flashbench.simulators.refined.refiner import Refiner
from flashbench.simulators.refined.simulator import RefinedSimulator

__all__ = ["RefinedSimulator", "Refiner"]

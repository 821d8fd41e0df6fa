"""One image under glass: every number on its way through a network and back, and where each comes from.

``trace`` takes an image forward and its loss backward, and keeps everything. ``units`` writes out what one unit
computes, and ``slopes`` where its gradient comes from. ``formulas`` says by which formula, and by which line of this
program. ``checks`` holds gradients against central differences. ``steps`` moves the weights downhill. ``favourites``
finds the images that excite a unit most.
"""

from digits.inspection.checks import Check, check_output, check_parameters
from digits.inspection.favourites import Favourites, favourite_steps
from digits.inspection.formulas import Formula, difference_formula, formulas, loss_formulas, step_formula
from digits.inspection.slopes import Influence, influence
from digits.inspection.steps import Step, take_step
from digits.inspection.trace import Trace, trace, values
from digits.inspection.units import (
    Term,
    Unit,
    describe,
    parameter_name,
    parameter_positions,
    parameter_range,
    unit_place,
)

__all__ = [
    "Check",
    "Favourites",
    "Formula",
    "Influence",
    "Step",
    "Term",
    "Trace",
    "Unit",
    "check_output",
    "check_parameters",
    "describe",
    "difference_formula",
    "favourite_steps",
    "formulas",
    "influence",
    "loss_formulas",
    "parameter_name",
    "parameter_positions",
    "parameter_range",
    "step_formula",
    "take_step",
    "trace",
    "unit_place",
    "values",
]

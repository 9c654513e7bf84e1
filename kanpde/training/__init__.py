"""HOW II: deep fields, trained by a plan of stages."""

from kanpde.training.levenberg_marquardt import LevenbergMarquardt, LevenbergMarquardtState
from kanpde.training.placement import Curvature, Placement, Quantiles, Residual
from kanpde.training.plan import PlanResult, run_plan
from kanpde.training.refine import LeastSquares, Refine, Regrid
from kanpde.training.stage import SingleStep, Stage, StageState, Task

__all__ = [
    "Curvature",
    "LeastSquares",
    "LevenbergMarquardt",
    "LevenbergMarquardtState",
    "Placement",
    "PlanResult",
    "Quantiles",
    "Refine",
    "Regrid",
    "Residual",
    "SingleStep",
    "Stage",
    "StageState",
    "Task",
    "run_plan",
]

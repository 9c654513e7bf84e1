"""HOW II: deep fields, trained by a plan of stages."""

from kanpde.training.adam import Adam, Constant, Cosine, Exponential, Rate
from kanpde.training.levenberg_marquardt import LevenbergMarquardt, LevenbergMarquardtState
from kanpde.training.placement import Curvature, Placement, Quantiles, Residual
from kanpde.training.plan import PlanResult, run_plan
from kanpde.training.quasi_newton import LBFGS, SSBroyden
from kanpde.training.refine import LeastSquares, Refine, Regrid
from kanpde.training.soap import SOAP
from kanpde.training.stage import SingleStep, Stage, StageState, Task

__all__ = [
    "LBFGS",
    "SOAP",
    "Adam",
    "Constant",
    "Cosine",
    "Curvature",
    "Exponential",
    "LeastSquares",
    "LevenbergMarquardt",
    "LevenbergMarquardtState",
    "Placement",
    "PlanResult",
    "Quantiles",
    "Rate",
    "Refine",
    "Regrid",
    "Residual",
    "SSBroyden",
    "SingleStep",
    "Stage",
    "StageState",
    "Task",
    "run_plan",
]

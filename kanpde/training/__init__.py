"""HOW II: deep fields, trained by a plan of stages."""

from kanpde.training.checkpoint import Checkpoint, Checkpoints, Restart, load_checkpoint
from kanpde.training.levenberg_marquardt import LevenbergMarquardt, LevenbergMarquardtState
from kanpde.training.placement import Curvature, Placement, Quantiles, Residual
from kanpde.training.plan import PlanResult, PlanState, run_plan
from kanpde.training.refine import LeastSquares, Refine, Regrid
from kanpde.training.stage import SingleStep, Stage, StageState, Task
from kanpde.training.train import Training, error_of, train

__all__ = [
    "Checkpoint",
    "Checkpoints",
    "Curvature",
    "LeastSquares",
    "LevenbergMarquardt",
    "LevenbergMarquardtState",
    "Placement",
    "PlanResult",
    "PlanState",
    "Quantiles",
    "Refine",
    "Regrid",
    "Residual",
    "Restart",
    "SingleStep",
    "Stage",
    "StageState",
    "Task",
    "Training",
    "error_of",
    "load_checkpoint",
    "run_plan",
    "train",
]

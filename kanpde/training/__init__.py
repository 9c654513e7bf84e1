"""HOW II: deep fields, trained by a plan of stages."""

from kanpde.training.adam import Adam, Constant, Cosine, Exponential, Rate
from kanpde.training.attempts import Request, attempts_for, train_anew
from kanpde.training.checkpoint import Checkpoint, Checkpoints, Restart, Standing, load_checkpoint
from kanpde.training.defaults import default_network, default_plan, staircase
from kanpde.training.distil import distilled
from kanpde.training.least_squares import LeastSquares
from kanpde.training.levenberg_marquardt import LevenbergMarquardt, LevenbergMarquardtState
from kanpde.training.multistage import Multistage
from kanpde.training.placement import Curvature, Placement, Quantiles, Residual
from kanpde.training.plan import PlanResult, PlanState, run_plan
from kanpde.training.prune import Prune
from kanpde.training.quasi_newton import LBFGS, SSBroyden
from kanpde.training.refine import Refine, Regrid
from kanpde.training.resample import Resample
from kanpde.training.rounds import rounds
from kanpde.training.rules import Fejer, Gauss, Rule
from kanpde.training.soap import SOAP
from kanpde.training.sparsify import Sparsify
from kanpde.training.spring import Spring
from kanpde.training.stage import SingleStep, Stage, StageState, Task
from kanpde.training.subspace import Krylov, Sketch
from kanpde.training.train import Scale, Training, error_of, train
from kanpde.training.weights import Causal, Rebalance

__all__ = [
    "LBFGS",
    "SOAP",
    "Adam",
    "Causal",
    "Checkpoint",
    "Checkpoints",
    "Constant",
    "Cosine",
    "Curvature",
    "Exponential",
    "Fejer",
    "Gauss",
    "Krylov",
    "LeastSquares",
    "LevenbergMarquardt",
    "LevenbergMarquardtState",
    "Multistage",
    "Placement",
    "PlanResult",
    "PlanState",
    "Prune",
    "Quantiles",
    "Rate",
    "Rebalance",
    "Refine",
    "Regrid",
    "Request",
    "Resample",
    "Residual",
    "Restart",
    "Rule",
    "SSBroyden",
    "Scale",
    "SingleStep",
    "Sketch",
    "Sparsify",
    "Spring",
    "Stage",
    "StageState",
    "Standing",
    "Task",
    "Training",
    "attempts_for",
    "default_network",
    "default_plan",
    "distilled",
    "error_of",
    "load_checkpoint",
    "rounds",
    "run_plan",
    "staircase",
    "train",
    "train_anew",
]

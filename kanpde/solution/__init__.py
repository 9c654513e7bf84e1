"""A trained field with its problem, outcome and history."""

from kanpde.solution.solution import Solution
from kanpde.solution.storage import load, save

__all__ = ["Solution", "load", "save"]

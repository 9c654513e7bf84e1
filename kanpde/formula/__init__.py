"""FROM FIELD TO FORMULA: structure, one-variable functions, exact constants, certificate."""

from kanpde.formula.certificate import Certificate, Check, certify
from kanpde.formula.find import find_formula
from kanpde.formula.formula import Approximation, Formula, load_formula
from kanpde.formula.workbench import Suggestion, Workbench
from kanpde.formula.zero import Level

__all__ = [
    "Approximation",
    "Certificate",
    "Check",
    "Formula",
    "Level",
    "Suggestion",
    "Workbench",
    "certify",
    "find_formula",
    "load_formula",
]

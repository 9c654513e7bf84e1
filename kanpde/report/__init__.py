"""A solution as one self-contained HTML page."""

from kanpde.report.page import report

__all__ = ["report"]

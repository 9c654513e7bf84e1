"""Colours and sizes that all figures share."""

from __future__ import annotations

BLACK = "#000000"
BLUE = "#0072B2"
VERMILLION = "#D55E00"
PURPLE = "#CC79A7"
GREY = "#7F7F7F"
"""The Okabe-Ito colours (told apart with every common colour vision) and a grey."""

SERIES = (BLUE, VERMILLION, "#009E73", PURPLE, "#E69F00", "#56B4E9", BLACK)
"""What several groups are coloured by, in turn."""

SEQUENTIAL = "viridis"
DIVERGING = "RdBu_r"

SMALL = 9.0
"""The smallest font, in points."""

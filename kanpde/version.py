"""The version of kanpde."""

__version__ = "0.1.0"

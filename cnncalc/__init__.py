"""cnncalc: calculator and verifier for CNN architectures written as YAML specs."""

__version__ = "0.1.0"

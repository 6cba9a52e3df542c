"""Numeric primitives that layer families share; NumPy is imported on first use."""

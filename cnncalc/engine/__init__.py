"""The engine: runs a network forward and backward with NumPy, and proves its numbers."""

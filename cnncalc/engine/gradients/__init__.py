"""`check-gradients`: every backward rule of a network against its own forward pass."""

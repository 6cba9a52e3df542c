"""Every number that `summary` prints, proved by running the network."""

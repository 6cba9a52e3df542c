"""How windows lie on their inputs: CNN2xx."""

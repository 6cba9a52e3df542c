"""How a spec is written: CNN8xx."""

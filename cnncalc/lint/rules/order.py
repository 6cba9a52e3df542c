"""Which layers follow which: CNN3xx."""

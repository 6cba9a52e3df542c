"""What receptive fields tell: CNN4xx."""

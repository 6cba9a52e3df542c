"""How names and branches hang together: CNN1xx."""

"""What other frameworks mean otherwise: CNN6xx."""

"""What a spec says of itself: CNN7xx."""

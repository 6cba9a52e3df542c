"""What is paid for little: CNN5xx."""

"""From a Graph to numbers: costs, memory, receptive fields, and the report that holds them."""

"""The JSON Schema of a spec, for editors; it is made from what reads and computes specs."""

"""The spec language: YAML text to a Graph, the first of several front ends.

text -document-> located nodes -reader-> written spec -builder-> graph
"""

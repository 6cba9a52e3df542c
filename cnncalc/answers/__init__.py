"""Answers to the questions that people bring to a calculator, with their working; plain data."""

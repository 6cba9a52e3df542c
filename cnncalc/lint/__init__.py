"""The linter: rules that look at a network and say what is probably a mistake in it."""

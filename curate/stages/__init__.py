"""Narrow stages: one function over Arrow arrays in a file of the same name; a recipe's `use` is that name."""

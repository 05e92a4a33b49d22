"""Training and evaluation of the text classifiers in curate/classify."""

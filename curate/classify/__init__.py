"""Text classifiers: linear models over hashed n-grams, scored without Python once a document."""

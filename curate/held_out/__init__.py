"""Held-out benchmarks, and how much of one of their entries stands in a text.

entries   files → questions with answers and passages
index     n-grams → the entries that have them, with their weights
overlap   the search in texts, and the score of what is found
"""

"""Texts by the batch: one scan of each text's UTF-8 bytes, and what is counted on what it finds.

kernel        how loops are compiled, and where the compiled ones are kept
classes       what a character is, frozen so that every Python version agrees; traits: the same in one word a character
scan          bytes → characters and tokens, with their hashes
counts        the columns that are counted; char_signals, word_signals, line_signals: kernels that fill them, and the
              signals made of them; repetition: equal spans and n-grams; signals: all of it
brief         the few counts that need no tables
shingles      n-gram hashes for fuzzy deduplication
normalise     the normal form of a text, and the coarser one that exact deduplication hashes
language      stop words and marks, from lang/*.toml
"""

"""Text as arrays: code points, tokens, lines and sentences of whole batches, and what can be counted on them.

codepoints    Arrow strings ↔ one array of code points per batch
classes       what a character is, frozen so that every Python version agrees
segment       tokens, lines, paragraphs, sentences as spans of code points
repetition    equal spans and n-grams inside a document
batch         a batch of texts and how things are counted in it
signals       every score, by name; char_signals, word_signals, line_signals: what they count
normalise     the normal form of a text, and the coarser one that exact deduplication hashes
shingles      n-gram hashes for fuzzy deduplication
language      stop words and marks, from lang/*.toml
"""

"""Training and measuring of the block extractor; what is trained is shipped as data in curate/blocks."""

"""Main text by learned blocks: a scanner over the bytes, features of its blocks, trees that say which are content."""

"""One module for each kind of vocabulary file: `open_vocabulary(data, name, …) -> Tokenizer`. Imported when needed."""

"""From the kept documents to training-ready token files: tokenise, pack, write, and find the way back.

build.py puts it together on the exchange verb. tokenizer.py opens any SentencePiece model, `tokenizer.json` or tiktoken
vocabulary, train.py makes one; pack.py cuts and packs documents into rows of one length; formats.py writes and reads
Megatron's files; spans.py leads from a token back to its document; frequency.py counts words and tokens.
"""

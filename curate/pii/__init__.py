"""Personal data that has a form: found in one walk over a text's UTF-8 bytes, then put in other words.

characters    bytes → characters, full-width ones as ASCII, forwards and backwards
plans         numbering plans and words as tables, from plans.toml
addresses     e-mail and IP addresses
checks        identity card, bank card and IBAN, by their check digits
phones        which digits are a telephone number
numbers       digits with separators between them, and what they are
scan          the walk, and the spans that it finds
masks         what is written in place of a span
"""

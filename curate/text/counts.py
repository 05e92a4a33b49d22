"""What is counted in a text: the columns that kernels fill and signals are computed from."""

from enum import IntEnum, auto


class Count(IntEnum):
    """A column of float64[d, len(Count)]; whole numbers but for BITS."""

    CHARS = 0
    NONSPACE = auto()
    LETTERS = auto()
    DIGITS = auto()
    CAPITALS = auto()
    NEWLINES = auto()
    CHINESE = auto()
    DEBRIS = auto()
    UNSPACED = auto()
    OPENING_CURLIES = auto()
    CLOSING_CURLIES = auto()
    HASHES = auto()
    BITS = auto()  # per character, of the distribution of characters
    ENTITY_CHARS = auto()
    CHAR_WINDOWS = auto()
    REPEATED_CHAR_WINDOWS = auto()

    TOKENS = auto()
    WORDS = auto()
    WORD_CHARS = auto()
    LONGEST_WORD_CHARS = auto()
    DISTINCT_WORDS = auto()
    LETTER_TOKENS = auto()
    CAPITAL_TOKENS = auto()
    ELLIPSES = auto()
    LONGEST_SPACE_RUN = auto()
    LONGEST_UNPUNCTUATED_WORDS = auto()
    SENTENCES = auto()
    LOREM_IPSUM = auto()
    GOPHER_STOP_WORDS = auto()
    DISTINCT_GOPHER_STOP_WORDS = auto()
    STOP_WORDS = auto()

    LINES = auto()
    LINE_CHARS = auto()
    SHORT_LINES = auto()
    BULLET_LINES = auto()
    ANY_BULLET_LINES = auto()
    ELLIPSIS_LINES = auto()
    TERMINAL_LINES = auto()
    ASCII_TERMINAL_LINES = auto()
    JAVASCRIPT_LINES = auto()
    DUPLICATE_LINES = auto()
    DUPLICATE_LINE_CHARS = auto()
    PARAGRAPHS = auto()
    DUPLICATE_PARAGRAPHS = auto()
    DUPLICATE_PARAGRAPH_CHARS = auto()

    TOP_2GRAM_CHARS = auto()
    TOP_3GRAM_CHARS = auto()
    TOP_4GRAM_CHARS = auto()
    DUPLICATE_5GRAM_CHARS = auto()
    DUPLICATE_6GRAM_CHARS = auto()
    DUPLICATE_7GRAM_CHARS = auto()
    DUPLICATE_8GRAM_CHARS = auto()
    DUPLICATE_9GRAM_CHARS = auto()
    DUPLICATE_10GRAM_CHARS = auto()


COLUMNS = len(Count)

"""Texts that are hard to count: mixed scripts, loose marks, astral planes, long repetition, white space only."""

from hypothesis import strategies as st

FRAGMENTS = [
    "a", "the", "The", "THE", "of", "don't", "l’eau", "paral·lel", "'", "3.14", "1,000", "x.y", "www.example.com",
    "#", "##", "...", "....", "......", "…", "……", ".", ". ", "! ", "?\"", ",", "-", "- ", "•", "_", "a_b", "(",
    ")", "{", "}", "&amp;", "&#39;", "＆lt；", "&;", ";", "lorem ipsum", "LOREM IPSUM", "Lorem", "JavaScript", "的",
    "我们是", "了。", "！", "，", "一", "龥", "々", "〇", "𠀀", "\U00030000", "ア", "かー", "ｶﾞ", "·", "e\u0301",
    "\u0301", "\u200d", "\u00ad", "ไทย", "ກ", "ខ្មែរ", "नमस्ते", "שלום", "العربية", "한국어", "İ", "ß", "ǅ", "Ω",
    "ﬁ", "½", "²", "Ⅷ", "👍", "👩\u200d💻", "#\ufe0f\u20e3", "\ufffd", "□", "▪", " ", "  ", "\t", "\n", "\n\n",
    "\n\n\n", "\u3000", "\u2028", "\x0b", "\x00", "\ue000", "。\n", ".\n", "。」",
]  # fmt: skip

pieces = st.one_of(st.sampled_from(FRAGMENTS), st.text("ab .\n#的", max_size=4))
phrases = st.lists(pieces, max_size=12).map("".join)


@st.composite
def repeated(draw: st.DrawFn) -> str:
    """A phrase over and over, with other text around it."""
    middle = draw(st.sampled_from(["", " ", "\n", "\n\n", ". "])).join([draw(phrases)] * draw(st.integers(2, 30)))
    return draw(phrases) + middle + draw(phrases)


texts = st.one_of(phrases, repeated(), st.lists(pieces, max_size=60).map(" ".join), st.text(" \n\t\u3000", max_size=9))

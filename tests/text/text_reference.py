"""Every signal once more in plain Python, one document at a time, from its definition: what the arrays are tested
against. Slow and simple on purpose; it shares nothing with the package but the lists of words and marks.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from curate.text.language import BULLETS, GOPHER_BULLETS, SENTENCE_ENDS, TERMINAL, languages

NAN = math.nan
UNSPACED_SCRIPTS = ("THAI ", "LAO ", "MYANMAR ", "KHMER ", "TAI LE ", "NEW TAI LUE ", "TAI THAM ", "TAI VIET ")


def is_han(char: str) -> bool:
    if char in "々〇":
        return True
    name = unicodedata.name(char, "")
    return name.startswith(("CJK UNIFIED IDEOGRAPH", "CJK COMPATIBILITY IDEOGRAPH", "HANGZHOU NUMERAL"))


def is_kana(char: str) -> bool:
    name = unicodedata.name(char, "")
    kana = name.startswith(("HIRAGANA LETTER", "KATAKANA LETTER", "HALFWIDTH KATAKANA LETTER"))
    return kana or char in "ゝゞヽヾーゟヿｰﾞﾟ"


def major(char: str) -> str:
    return unicodedata.category(char)[0]


def is_word_char(char: str) -> bool:
    return major(char) in "LN" or unicodedata.category(char) == "Pc"


def is_extend(char: str) -> bool:
    return major(char) == "M" or unicodedata.category(char) == "Cf"


def kind(char: str) -> str:
    if char.isspace():
        return "space"
    if is_extend(char):
        return "extend"
    if is_han(char) or is_kana(char):
        return "ideograph"
    if unicodedata.category(char) == "Nd":
        return "digit"
    return "letter" if is_word_char(char) else "symbol"


def tokens(text: str) -> list[tuple[str, str]]:
    """(token, "word" | "ideograph" | "symbol") in order."""
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        first = kind(text[at])
        if first == "space":
            at += 1
            continue
        base, end = first, at + 1
        while end < len(text):
            here = kind(text[end])
            after = kind(text[end + 1]) if end + 1 < len(text) else "space"
            if here == "extend":
                pass
            elif first in ("letter", "digit"):
                joined = (text[end] in "'’·" and base == after == "letter") or (
                    text[end] in ".," and base == after == "digit"
                )
                if here in ("letter", "digit") or joined:
                    base = here
                else:
                    break
            elif first == "symbol" and text[end] == text[at]:
                pass
            else:
                break
            end += 1
        found.append((text[at:end], "word" if first in ("letter", "digit") else first.replace("extend", "symbol")))
        at = end
    return found


def words(text: str) -> list[str]:
    return [token for token, what in tokens(text) if what != "symbol"]


def lower(text: str) -> str:
    """Letters, one character to one: İ becomes i, the numeral Ⅷ stays."""
    return "".join(char.lower()[0] if unicodedata.category(char) in ("Lu", "Lt") else char for char in text)


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]


def paragraphs(text: str) -> list[str]:
    return [block.strip() for block in re.split(r"\n{2,}", text) if block.strip()]


def ratio(part: float, whole: float) -> float:
    return part / whole if whole else NAN


def repeats(items: Sequence[str]) -> list[str]:
    """Every item but the first of its kind."""
    seen: set[str] = set()
    return [item for item in items if item in seen or seen.add(item)]


def sentences(text: str) -> int:
    """Stretches with a word in them, between line feeds and marks; . ! ? only in front of white space or a closer."""
    parts, current = [], ""
    for at, char in enumerate(text):
        after = text[at + 1] if at + 1 < len(text) else " "
        if char == "\n" or (char in SENTENCE_ENDS and (char not in ".!?" or after.isspace() or after in "\"')]}”’")):
            parts.append(current)
            current = ""
        else:
            current += char
    return sum(bool(words(part)) for part in [*parts, current])


def longest_run(flags: Sequence[bool]) -> int:
    best = run = 0
    for flag in flags:
        run = run + 1 if flag else 0
        best = max(best, run)
    return best


def longest_unpunctuated(text: str) -> int:
    return max((longest_run([what != "symbol" for _, what in tokens(line)]) for line in text.split("\n")), default=0)


def top_ngram_chars(items: Sequence[str], n: int) -> float:
    grams = Counter(tuple(items[at : at + n]) for at in range(len(items) - n + 1))
    if not grams:
        return NAN
    gram, count = grams.most_common(1)[0]
    return len(" ".join(gram)) * count


def duplicate_ngram_chars(items: Sequence[str], n: int) -> float:
    if len(items) < n:
        return NAN
    seen, chars, at = set(), 0, 0
    while at <= len(items) - n:
        gram = tuple(items[at : at + n])
        if gram in seen:
            chars += sum(map(len, gram))
            at += n
        else:
            seen.add(gram)
            at += 1
    return chars


def repeated_13chars(text: str) -> float:
    bare = "".join(lower(char) for char in text if not char.isspace())
    grams = Counter(bare[at : at + 13] for at in range(len(bare) - 12))
    return ratio(sum(count for count in grams.values() if count > 1), sum(grams.values()))


def entropy(text: str) -> float:
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts) if text else NAN


def character_signals(text: str) -> dict[str, float]:
    total = len(text)
    entity = re.compile("[&＆](?:#[0-9]{1,6}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,9})[;；]")
    return {
        "char_count": total,
        "nonspace_char_count": sum(not char.isspace() for char in text),
        "letter_count": sum(major(char) == "L" or is_han(char) for char in text),
        "curly_bracket_count": text.count("{"),
        "curly_bracket_ratio": ratio(text.count("{") + text.count("}"), total),
        "newline_char_ratio": ratio(text.count("\n"), total),
        "chinese_char_ratio": ratio(sum("一" <= char <= "龥" for char in text), total),
        "digit_char_ratio": ratio(sum(unicodedata.category(char) == "Nd" for char in text), total),
        "special_char_ratio": ratio(len(re.findall("[\ufffc\ufffd\u25a1]", text)), total),
        "unspaced_char_ratio": ratio(
            sum(major(c) in "LM" and unicodedata.name(c, "").startswith(UNSPACED_SCRIPTS) for c in text), total
        ),
        "longest_space_run": longest_run([char.isspace() for char in text]),
        "char_entropy": entropy(text),
        "repeated_13char_ratio": repeated_13chars(text),
        "lorem_ipsum_count": lower(text).count("lorem ipsum"),
        "html_entity_ratio": ratio(sum(len(match[0]) for match in entity.finditer(lower(text))), total),
    }


def word_signals(text: str) -> dict[str, float]:
    all_tokens = [token for token, _ in tokens(text)]
    own = words(text)
    count = len(all_tokens)
    alphabetic = sum(any(major(char) == "L" or is_han(char) for char in token) for token in all_tokens)
    upper = sum(
        any(unicodedata.category(c) in ("Lu", "Lt") for c in token)
        and not any(unicodedata.category(c) == "Ll" for c in token)
        for token in all_tokens
    )
    spaced = [w for w in own if not any(unicodedata.name(c, "").startswith(UNSPACED_SCRIPTS) for c in w)]
    hashes, ellipses = text.count("#"), text.count("...") + text.count("…")
    return {
        "word_count": len(own),
        "mean_word_length": ratio(sum(map(len, own)), len(own)),
        "longest_word_chars": max(map(len, spaced), default=0),
        "hash_word_ratio": ratio(hashes, count),
        "ellipsis_word_ratio": ratio(ellipses, count),
        "symbol_word_ratio": ratio(hashes + ellipses, count),
        "alphabetic_word_ratio": ratio(alphabetic, len(own)),
        "alphabetic_token_ratio": ratio(alphabetic, count),
        "upper_word_ratio": ratio(upper, count),
        "short_text_upper_word_ratio": ratio(upper, count) if len(own) < 200 else NAN,
        "unique_word_ratio": ratio(len({lower(word) for word in own}), len(own)),
        "newline_word_ratio": ratio(text.count("\n"), count),
        "longest_unpunctuated_words": longest_unpunctuated(text),
    }


def stop_word_signals(text: str, lang: str | None) -> dict[str, float]:
    if lang not in languages():
        return dict.fromkeys(("stop_word_distinct", "stop_word_count", "stop_word_ratio"), NAN)
    all_tokens = [token for token, _ in tokens(text)]
    few, many = languages()[lang].gopher, languages()[lang].stop_words
    return {
        "stop_word_distinct": len(few & set(all_tokens)),
        "stop_word_count": sum(token in few for token in all_tokens),
        "stop_word_ratio": ratio(sum(lower(token) in many for token in all_tokens), len(all_tokens)),
    }


def line_signals(text: str) -> dict[str, float]:
    own = lines(text)
    count, total = len(own), len(text)
    again = repeats(own)
    script_free = sum("javascript" not in lower(line) for line in own)
    return {
        "line_count": count,
        "sentence_count": sentences(text),
        "mean_line_length": ratio(sum(map(len, own)), count),
        "bullet_line_ratio": ratio(sum(line[0] in GOPHER_BULLETS for line in own), count),
        "any_bullet_line_ratio": ratio(sum(line[0] in BULLETS for line in own), count),
        "ellipsis_line_ratio": ratio(sum(line.endswith(("...", "…")) for line in own), count),
        "terminal_punctuation_line_ratio": ratio(sum(line[-1] in TERMINAL for line in own), count),
        "ascii_terminal_line_ratio": ratio(sum(line[-1] in '.!?"' for line in own), count),
        "short_line_ratio": ratio(sum(len(line) <= 30 for line in own), count),
        "javascript_free_line_count": script_free if count > 3 else NAN,
        "duplicate_line_ratio": ratio(len(again), count),
        "duplicate_line_char_ratio": ratio(sum(map(len, again)), total),
        "duplicate_line_char_ratio_no_newlines": ratio(sum(map(len, again)), len(text.replace("\n", ""))),
    }


def repetition_signals(text: str) -> dict[str, float]:
    blocks = paragraphs(text)
    again = repeats(blocks)
    own = [token for token, _ in tokens(text)]
    found = {
        "duplicate_paragraph_ratio": ratio(len(again), len(blocks)),
        "duplicate_paragraph_char_ratio": ratio(sum(map(len, again)), len(text)),
    }
    found |= {f"top_{n}gram_char_ratio": ratio(top_ngram_chars(own, n), len(text)) for n in (2, 3, 4)}
    found |= {
        f"duplicate_{n}gram_char_ratio": ratio(duplicate_ngram_chars(own, n), len(text)) for n in (5, 6, 7, 8, 9, 10)
    }
    return found


def signals(text: str, lang: str | None) -> dict[str, float]:
    return {
        **character_signals(text), **word_signals(text), **stop_word_signals(text, lang), **line_signals(text),
        **repetition_signals(text),
    }  # fmt: skip

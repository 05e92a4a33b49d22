"""The same search in plain Python, set by set, for one text: clusters, overlaps and scores from their definitions."""

from collections.abc import Sequence
from math import log1p

from curate.held_out.index import COMMON, SIDE_NGRAMS, word_hashes

Entry = tuple[str, str, str]


def words_of(text: str) -> tuple[int, ...]:
    return tuple(int(value) for value in word_hashes([text])[0])


def grams_of(words: Sequence[int], width: int) -> list[tuple[int, ...]]:
    return [tuple(words[at : at + width]) for at in range(len(words) - width + 1)] if width else []


def weights_of(sets: Sequence[set[tuple[int, ...]]], entries: int) -> dict[tuple[int, ...], float]:
    grams = {gram for found in sets for gram in found}
    return {gram: log1p(entries / sum(gram in found for found in sets)) for gram in grams}


def best_score(text: str, entries: Sequence[Entry], ngram: int) -> float:
    words = words_of(text)
    parts = [[words_of(part) for part in entry] for entry in entries]
    questions = [set(grams_of(question, ngram)) for question, _, _ in parts]
    common = {gram for found in questions for gram in found if sum(gram in other for other in questions) > COMMON}
    weights = weights_of([found - common for found in questions], len(entries))
    widths = [[min(SIDE_NGRAMS[side], len(part[side + 1])) for side in (0, 1)] for part in parts]
    sides = [
        [set(grams_of(part[side + 1], width[side])) for side in (0, 1)]
        for part, width in zip(parts, widths, strict=True)
    ]
    side_weights = weights_of([found for pair in sides for found in pair], len(entries))

    def share(start: int, stop: int, number: int, side: int) -> float:
        window = set(grams_of(words[start:stop], widths[number][side]))
        own = sides[number][side]
        return sum(side_weights[gram] for gram in own & window) / sum(side_weights[gram] for gram in own)

    best = 0.0
    for number, (question, answer, passage) in enumerate(parts):
        own = questions[number] - common
        hits = [at for at, gram in enumerate(grams_of(words, ngram)) if gram in own]
        for cluster in clusters_of(hits, 2 * ngram + 1):
            matched = {tuple(words[at : at + ngram]) for at in cluster}
            overlap = sum(weights[gram] for gram in matched) / sum(weights[gram] for gram in own)
            if overlap < 0.5:
                continue
            first, stop = cluster[0], cluster[-1] + ngram
            confidence = 1.0 if not (answer or passage) else 0.5 + 0.5 * min(len(own), 20) / 20
            best = max(best, demanding(confidence * overlap, len(question)))
            if answer or passage:
                base = {(True, True): (0.7, 0.2, 0.1), (True, False): (0.75, 0.25, 0), (False, True): (0.85, 0, 0.15)}
                of_question, of_answer, of_passage = base[bool(answer), bool(passage)]
                more = 1 + of_question * (1 - confidence) / (of_answer + of_passage)
                score = of_question * confidence * overlap
                if answer:
                    score += of_answer * more * share(stop, stop + max(20, 2 * len(answer)), number, 0)
                if passage:
                    around = 100 + len(passage)
                    score += of_passage * more * share(max(0, first - around), stop + around, number, 1)
                best = max(best, demanding(score, len(question) + len(answer) + len(passage)))
    return best


def clusters_of(hits: Sequence[int], most_missed: int) -> list[list[int]]:
    found: list[list[int]] = []
    for at in hits:
        if found and at - found[-1][-1] <= most_missed:
            found[-1].append(at)
        else:
            found.append([at])
    return found


def demanding(score: float, length: int) -> float:
    if score >= 1 - 1e-9:
        return 1.0
    needed = 1.0 if length <= 20 else 0.8 if length >= 50 else 1 - 0.2 * (length - 20) / 30
    return score * 0.8 / needed

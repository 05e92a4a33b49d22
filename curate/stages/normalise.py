"""Characters in one form before any rule counts them: line breaks, spaces, invisible characters, blank lines, NFC.

An edit, no verdict: how many characters went is counted, and only a text that has none left is dropped.
"""

import pyarrow as pa

from curate.rule import Rule
from curate.stage import stage
from curate.text.normalise import Steps
from curate.text.normalise import normalise as normalise_text


@stage(
    needs=["text"],
    adds={"text": pa.string(), "normalise_removed_chars": pa.int32(), "normalise_chars": pa.int32()},
    rules=[Rule("normalise_chars", "empty_text", min=1)],
    version=3,
)
def normalise(
    text: pa.StringArray,
    *,
    compose: bool = True,
    breaks: bool = True,
    spaces: bool = True,
    invisible: bool = True,
    private: bool = True,
    blank_lines: bool = True,
    citations: bool = False,
    table_bars: bool = True,
) -> dict[str, pa.Array]:
    """Every step can be switched off: code and formulas want `compose` and `spaces` off.

    `normalise_chars`: characters that are left, without the white space around them.

    citations: take out `[12]`, `[edit]` and `[citation needed]`, as C4 does. table_bars: take the `|` off rows that
    have one filled cell, which are layout and no table (FineWeb2 mends the same artefact).
    """
    steps = Steps(compose, breaks, spaces, invisible, private, blank_lines, citations, table_bars)
    before = [value or "" for value in text.to_pylist()]
    after = [normalise_text(value, steps) for value in before]
    return {
        "text": pa.array(after, pa.string()),
        "normalise_removed_chars": pa.array(
            # NFC makes two characters of a few, such as U+0958: that removes nothing
            [max(len(old) - len(new), 0) for old, new in zip(before, after, strict=True)],
            pa.int32(),
        ),
        "normalise_chars": pa.array([len(value.strip()) for value in after], pa.int32()),
    }

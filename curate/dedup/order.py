"""Who survives among duplicates: one total order, as 28 bytes a document whose byte order is that order.

    newest     crawl ↓   day ↓      length ↓   doc_id      4 + 4 + 4 + 16 bytes, big-endian
    earliest   crawl ↑   day ↑      length ↓   doc_id
    longest    length ↓  crawl ↓    day ↓      doc_id

Crawl is the ordinal that the recipe's input declares, day comes from the document's date, length is in tokens. What is
missing sorts last. `doc_id` ends it, so there are no ties and the order does not depend on parts.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate.dedup.rows import Octets, binary, from_hex, hex_strings, one_chunk

Policy = Literal["newest", "earliest", "longest"]
Uint32s = npt.NDArray[np.uint32]

ORDER_BYTES = 28
DOC_ID_BYTES = 16

_MISSING = np.uint32(0xFFFFFFFF)
_LATEST = 0xFFFFFFFE
_ZERO = 1 << 31  # where 0 lies among the unsigned codes of signed numbers
# A full date, with or without hyphens: 2024-05-01, 2024-05-01T10:00:00Z, 20240501, 20240501100000
_DATE = r"^\s*(?P<year>\d{4})(?P<hyphen>-?)(?P<month>\d{2})-?(?P<day>\d{2})(?:$|\d{6}$|[^\d-])"
_DAYS_BEFORE = np.array([0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334])
_DAYS_IN = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


def order_keys(
    policy: Policy, crawl: pa.Array, date: pa.Array, tokens: npt.NDArray[np.int32], doc_id: pa.Array
) -> Octets:
    """uint8[n, 28]: the smaller, the better the claim to survive. Raises ValueError for a doc_id that is not 32 hex."""
    newest_first = policy != "earliest"
    crawl = one_chunk(crawl)
    ordinals = np.asarray(crawl.fill_null(0).to_numpy(zero_copy_only=False), np.int64)
    known = np.asarray(crawl.is_valid())
    days, dated = days_of(date)
    length = (np.int64(_LATEST) - tokens).astype(np.uint32)
    fields = [_code(ordinals, known, newest_first), _code(days, dated, newest_first), length]
    if policy == "longest":
        fields = [fields[2], fields[0], fields[1]]
    head = np.stack(fields, axis=1).astype(">u4").view(np.uint8)
    return np.concatenate((head, from_hex(doc_id, DOC_ID_BYTES)), axis=1)


def days_of(date: pa.Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """(number of the day in the Gregorian calendar, whether there is a full and valid date) of ISO 8601 strings.

    Only the first ten (or, without hyphens, eight) characters count; the time of day and zone do not.
    """
    found = pc.extract_regex(one_chunk(date), _DATE)
    year, month, day = (_integers(found, name) for name in ("year", "month", "day"))
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    at = np.clip(month, 1, 12) - 1
    valid = (month >= 1) & (month <= 12) & (day >= 1) & (day <= _DAYS_IN[at] + (leap & (at == 1)))
    before = year - (at < 2)  # leap days up to this date
    leap_days = before // 4 - before // 100 + before // 400
    return year * 365 + leap_days + _DAYS_BEFORE[at] + day, valid


def doc_ids(orders: Octets) -> pa.StringArray:
    """The doc_id that every order key ends in, as 32 hex digits."""
    return hex_strings(orders[:, ORDER_BYTES - DOC_ID_BYTES :])


def order_column(orders: Octets) -> pa.BinaryArray:
    """Order keys as a column."""
    return binary(orders)


def _integers(found: pa.Array, name: str) -> npt.NDArray[np.int64]:
    values = pc.struct_field(found, name).fill_null("0").cast(pa.int64())
    return np.asarray(values.to_numpy(zero_copy_only=False), np.int64)


def _code(values: npt.NDArray[np.int64], known: npt.NDArray[np.bool_], descending: bool) -> Uint32s:
    """Unsigned codes in ascending or descending order of signed 32-bit values; unknown ones are last."""
    code = np.clip(values + _ZERO, 0, _LATEST)
    code = _LATEST - code if descending else code
    return np.where(known, code, _MISSING).astype(np.uint32)

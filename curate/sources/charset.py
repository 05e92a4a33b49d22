"""From bytes to text: which of header, byte order mark, meta tag and the bytes themselves to believe.

Order of belief, after the Encoding and HTML standards of WHATWG (encoding.spec.whatwg.org section 4.2 for labels,
html.spec.whatwg.org section 13.2.3 for sniffing), with one departure: a declaration is checked against the bytes.

1. A byte order mark.
2. The HTTP header, then `<meta charset>` or the XML declaration, if the bytes decode under it (5 % of broken characters
   are let pass: real pages are cut and mixed). Bytes that are UTF-8 beyond chance are UTF-8, whatever was declared:
   servers send a default `ISO-8859-1`, and pages were converted without touching their meta tag.
3. UTF-8, if the bytes are valid under it.
4. Detection from the bytes (uchardet, as resiliparse ships it), last the declared encoding that breaks least.

Cost: one strict UTF-8 decode for most pages; about 1 ms per 100 kB where detection has to run.
"""

import codecs
import re
from collections.abc import Iterator
from functools import cache

# WHATWG encoding → the Python codecs that together cover it, best first. Python's own `gb2312`, `shift_jis`, `euc_kr`
# and `iso8859_1` are narrower than what pages that declare them hold.
_CODECS: dict[str, tuple[str, ...]] = {
    "utf-8": ("utf-8",),
    "utf-16le": ("utf-16-le",),
    "utf-16be": ("utf-16-be",),
    "gb18030": ("gb18030",),
    "big5": ("big5hkscs", "cp950"),
    "shift_jis": ("cp932", "shift_jis_2004"),
    "euc-jp": ("euc_jp", "euc_jis_2004"),
    "iso-2022-jp": ("iso2022_jp_ext",),
    "euc-kr": ("cp949",),
    "johab": ("johab",),
    "hz-gb-2312": ("hz",),
    "euc-tw": ("cp950",),
    "koi8-r": ("koi8_r",),
    "koi8-u": ("koi8_u",),
    "macintosh": ("mac_roman",),
    "x-mac-cyrillic": ("mac_cyrillic",),
    "ibm866": ("cp866",),
    "windows-874": ("cp874",),
    **{f"windows-{page}": (f"cp{page}",) for page in range(1250, 1259)},
    **{f"iso-8859-{part}": (f"iso8859_{part}",) for part in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)},
}

_LABELS: dict[str, str] = {
    **{name: name for name in _CODECS},
    **dict.fromkeys(("utf8", "unicode-1-1-utf-8", "unicode11utf8", "x-unicode20utf8"), "utf-8"),
    **dict.fromkeys(("utf-16", "ucs-2", "unicode", "csunicode", "iso-10646-ucs-2"), "utf-16le"),
    **dict.fromkeys(("gb2312", "gb_2312", "gb_2312-80", "gbk", "x-gbk", "cp936", "ms936", "windows-936", "euc-cn",
                     "chinese", "csgb2312", "gb18030-2000", "iso-ir-58", "csiso58gb231280"), "gb18030"),
    **dict.fromkeys(("big5-hkscs", "big5hkscs", "cn-big5", "csbig5", "x-x-big5", "cp950", "windows-950"), "big5"),
    **dict.fromkeys(("shift-jis", "sjis", "x-sjis", "ms_kanji", "csshiftjis", "ms932", "cp932", "windows-31j",
                     "windows-932"), "shift_jis"),
    **dict.fromkeys(("eucjp", "euc_jp", "x-euc-jp", "cseucpkdfmtjapanese", "ujis"), "euc-jp"),
    **dict.fromkeys(("csiso2022jp", "iso2022jp"), "iso-2022-jp"),
    **dict.fromkeys(("euckr", "euc_kr", "ks_c_5601-1987", "ks_c_5601-1989", "ksc5601", "ksc_5601", "korean", "uhc",
                     "cseuckr", "csksc56011987", "iso-ir-149", "windows-949", "cp949", "ms949"), "euc-kr"),
    **dict.fromkeys(("hz", "hz-gb2312"), "hz-gb-2312"),
    **dict.fromkeys(("koi", "koi8", "koi8_r", "cskoi8r"), "koi8-r"),
    **dict.fromkeys(("koi8-ru", "koi8_u"), "koi8-u"),
    **dict.fromkeys(("866", "cp866", "csibm866"), "ibm866"),
    **dict.fromkeys(("mac", "macroman", "x-mac-roman", "csmacintosh"), "macintosh"),
    **dict.fromkeys(("x-mac-ukrainian", "maccyrillic"), "x-mac-cyrillic"),
    **dict.fromkeys(("dos-874", "tis-620", "tis620", "iso-8859-11", "iso8859-11", "iso885911", "cp874"), "windows-874"),
    **dict.fromkeys(("ascii", "us-ascii", "ansi_x3.4-1968", "latin1", "latin-1", "l1", "iso-8859-1", "iso8859-1",
                     "iso88591", "iso_8859-1", "iso_8859-1:1987", "csisolatin1", "cp819", "ibm819", "iso-ir-100",
                     "x-user-defined", "ansi"), "windows-1252"),
    **dict.fromkeys(("latin5", "l5", "iso-8859-9", "iso8859-9", "iso88599", "iso_8859-9", "csisolatin5"),
                    "windows-1254"),
    **dict.fromkeys(("latin2", "l2", "csisolatin2"), "iso-8859-2"),
    **dict.fromkeys(("latin3", "l3", "csisolatin3"), "iso-8859-3"),
    **dict.fromkeys(("latin4", "l4", "csisolatin4"), "iso-8859-4"),
    **dict.fromkeys(("cyrillic", "csisolatincyrillic"), "iso-8859-5"),
    **dict.fromkeys(("arabic", "csisolatinarabic", "ecma-114", "asmo-708"), "iso-8859-6"),
    **dict.fromkeys(("greek", "greek8", "csisolatingreek", "ecma-118", "elot_928", "sun_eu_greek"), "iso-8859-7"),
    **dict.fromkeys(("hebrew", "visual", "logical", "iso-8859-8-i", "iso-8859-8-e", "csisolatinhebrew"), "iso-8859-8"),
    **dict.fromkeys(("latin6", "l6"), "iso-8859-10"),
    **dict.fromkeys(("latin9", "latin-9", "l9", "csisolatin9"), "iso-8859-15"),
    **{f"{prefix}{page}": f"windows-{page}" for page in range(1250, 1259) for prefix in ("cp", "x-cp", "win", "win-")},
    **{f"{prefix}{part}": f"iso-8859-{part}" for part in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)
       for prefix in ("iso8859-", "iso8859", "iso_8859-", "iso-8859", "iso_8859_", "iso8859_")},
}  # fmt: skip

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16le"), (codecs.BOM_UTF16_BE, "utf-16be"))
_META = re.compile(
    rb"""<meta[^>]{0,400}?charset\s*=\s*["']?\s*([\w.:-]+)|<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]+)""", re.I
)
_MARKUP = re.compile(rb"<(?:script|style)\b.{0,65536}?</|<[^>]{0,4096}>", re.I | re.S)
_META_BYTES = 16 << 10
_DETECT_BYTES = 256 << 10
_BROKEN = re.compile("[\x80-\x9f\ufffd\ue000-\uf8ff]")
_BROKEN_SHARE = 0.05
# So many bytes above ASCII that happen to be valid UTF-8 are not an accident even in GBK or Thai text
# (one GB2312 character in five looks like UTF-8: 16 bytes are a chance of 1 in 10^6).
_BEYOND_CHANCE_BYTES = 16
# Code pages that the detector guesses from a handful of accents or quotation marks; English pages mostly mean 1252.
_LATIN_SCRIPT = frozenset(
    [f"windows-{page}" for page in (1250, 1254, 1257, 1258)]
    + [f"iso-8859-{part}" for part in (2, 3, 4, 10, 13, 14, 15, 16)]
)
_LATIN_EVIDENCE_LETTERS = 16
# The detector does not tell the two Greek code pages apart: Ά, the commonest letter that differs, is B6 in ISO 8859-7.
_TONOS_ISO = re.compile(rb"\xb6[\xc1-\xfe]")
_EAST_ASIAN = ("shift_jis", "euc-jp", "big5", "gb18030", "euc-kr")
_ASCII = bytes(range(128))
_SINGLE_BYTE = ("windows-", "iso-8859-", "koi8-", "ibm", "macintosh", "x-mac")
_ESCAPED = ("iso-2022-jp", "hz-gb-2312")


def decode_text(data: bytes, charset: str | None = None) -> str:
    """`data` as text without its byte order mark; never raises: what cannot be decoded becomes U+FFFD.

    charset: what the HTTP header declares, any label or None. A declaration inside the document is looked for here.
    """
    encoding = find_encoding(data, charset)
    return decode_as(data, encoding).removeprefix("\ufeff")


def decode_utf8(data: bytes, charset: str | None = None) -> bytes:
    """`data` in UTF-8, as `decode_text` reads it; what is UTF-8 already is not touched, broken characters included."""
    encoding = find_encoding(data, charset)
    if encoding == "utf-8":
        return data.removeprefix(codecs.BOM_UTF8)
    return decode_as(data, encoding).removeprefix("\ufeff").encode("utf-8", "replace")


def find_encoding(data: bytes, charset: str | None = None) -> str:
    """The WHATWG name of the encoding that `data` is in; see the module docstring for how it is chosen."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return encoding
    if wide := _utf16_by_zeros(data[:1024]):
        return wide
    declared = [encoding for encoding in _declared(data, charset) if _possible(data, encoding)]
    if _is_utf8(data):
        return _utf8_or_declared(data, declared)
    for encoding in (*declared, "utf-8"):
        if broken_share(data, encoding) <= _BROKEN_SHARE:
            return encoding
    detected = _detect(data)
    if detected and broken_share(data, detected) <= _BROKEN_SHARE:
        return detected
    western = [] if detected in _EAST_ASIAN else ["windows-1252"]
    candidates: list[str] = [*declared, *western, *_EAST_ASIAN]
    return min(candidates, key=lambda encoding: broken_share(data, encoding))


def encoding_of_label(label: str | None) -> str | None:
    """The WHATWG encoding that a label such as `gb2312` or `Latin1` means; None for an unknown one."""
    return _LABELS.get(label.strip().strip("\"'").lower()) if label else None


def decode_as(data: bytes, encoding: str) -> str:
    """`data` decoded as a WHATWG encoding; undecodable bytes become U+FFFD, unassigned ones of a code page C1."""
    if encoding.startswith(_SINGLE_BYTE):
        return data.decode(_CODECS[encoding][0], "curate_c1")
    readings = []
    for codec in _CODECS[encoding]:
        try:
            return data.decode(codec)
        except UnicodeDecodeError:
            readings.append(data.decode(codec, "replace"))
    return min(readings, key=lambda text: text.count("\ufffd"))


def broken_share(data: bytes, encoding: str) -> float:
    """How much of the text above ASCII does not decode, or decodes to controls or private use: 0 to 1."""
    text = decode_as(data, encoding)
    above = len(text.encode("utf-8", "surrogatepass").translate(None, _ASCII)) / 3  # 3 bytes: U+FFFD, CJK
    broken = len(_BROKEN.findall(text))
    return min(1.0, broken / above) if above else 0.0


def _utf8_or_declared(data: bytes, declared: list[str]) -> str:
    """Valid UTF-8 is UTF-8, unless escape codes or a short run of bytes in a declared encoding explain it as well."""
    if b"\x1b" in data and (b"\x1b$B" in data or b"\x1b$@" in data):
        return "iso-2022-jp"
    if not declared or "utf-8" in declared or declared[0] == "windows-1252":
        return "utf-8"
    if declared[0] in _ESCAPED or len(data.translate(None, _ASCII)) < _BEYOND_CHANCE_BYTES:
        return declared[0]
    return "utf-8"


def _declared(data: bytes, charset: str | None) -> Iterator[str]:
    header = encoding_of_label(charset)
    if header:
        yield header
    if not data[:_META_BYTES].lstrip().startswith(b"<"):
        return  # a text may speak of meta tags without being a page
    for match in _META.finditer(data[:_META_BYTES]):
        meta = encoding_of_label((match[1] or match[2]).decode("ascii", "replace"))
        if meta and meta != header:
            yield "utf-8" if meta.startswith("utf-16") else meta  # the tag was read as ASCII
            return


def _possible(data: bytes, encoding: str) -> bool:
    """UTF-16 that is not declared by a byte order mark has zero bytes; escape codes have their escapes."""
    if encoding.startswith("utf-16"):
        return b"\0" in data[:1024]
    if encoding in _ESCAPED:
        return (b"\x1b" if encoding == "iso-2022-jp" else b"~{") in data
    return True


def _utf16_by_zeros(head: bytes) -> str | None:
    """UTF-16 of mostly ASCII text: nearly every second byte is zero, and hardly any of the others."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) * 2 < 0.8 * len(head) or min(even, odd) * 2 > 0.1 * len(head) or len(head) < 4:
        return None
    return "utf-16be" if even > odd else "utf-16le"


def _is_utf8(data: bytes) -> bool:
    """Valid UTF-8, if need be but for a character cut off at the end of other text above ASCII."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(data)
    except UnicodeDecodeError:
        return False
    cut = len(decoder.getstate()[0])
    return not cut or not data[:-cut].isascii()


def _detect(data: bytes) -> str | None:
    from resiliparse.parse.encoding import detect_encoding

    prose = _MARKUP.sub(b" ", data[:_DETECT_BYTES])
    found = encoding_of_label(detect_encoding(prose, _DETECT_BYTES, html5_compatible=False))
    if found in _LATIN_SCRIPT and _letters_above_ascii(data, found) < _LATIN_EVIDENCE_LETTERS:
        return "windows-1252"
    return "iso-8859-7" if found == "windows-1253" and len(_TONOS_ISO.findall(data)) else found


def _letters_above_ascii(data: bytes, encoding: str) -> int:
    return sum(map(str.isalpha, decode_as(data.translate(None, _ASCII), encoding)))


@cache
def _register() -> None:
    def as_c1(error: UnicodeError) -> tuple[str, int]:
        assert isinstance(error, UnicodeDecodeError)
        return error.object[error.start : error.end].decode("latin-1"), error.end

    codecs.register_error("curate_c1", as_c1)


_register()

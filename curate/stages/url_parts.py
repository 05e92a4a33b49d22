"""Parts of a URL as the lists name them. Nothing here raises: a malformed URL is read as far as it can be."""

import re
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import SplitResult, unquote, urlsplit

_PLAIN_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://|//")
_WORD = re.compile(r"[^\W_]+")


def host_of(url: str) -> str:
    """Lower-case ASCII host (punycode) without port, user, `www.` and trailing dot; "" where there is none."""
    try:
        host = _split(url).hostname or ""
    except ValueError:
        return ""
    return _plain(unquote(host))


def domain_key(entry: str) -> str:
    """The same for an entry of a domain list, which is a bare domain nearly always."""
    lowered = entry.lower()
    return lowered.removeprefix("www.") if _PLAIN_HOST.fullmatch(lowered) else host_of(lowered) or lowered


def url_key(url: str) -> str:
    """A URL as UT1 lists it: lower-case host, path and query, without scheme, `www.`, fragment and trailing slash."""
    try:
        parts = _split(url)
    except ValueError:
        return ""
    query = f"?{parts.query}" if parts.query else ""
    return f"{host_of(url)}{unquote(parts.path).lower().rstrip('/')}{unquote(query).lower()}"


def page_key(url: str) -> str:
    """What two URLs of one page have in common: host, port, path and query, without scheme and fragment."""
    try:
        parts = _split(url)
        port = f":{parts.port}" if parts.port not in (None, 80, 443) else ""
    except ValueError:
        return url.strip()
    return f"{host_of(url)}{port}{parts.path.rstrip('/')}{'?' if parts.query else ''}{parts.query}"


def suffixes(host: str) -> Iterator[str]:
    """`a.b.c` → `a.b.c`, `b.c`, `c`; an address in numbers is one label."""
    if host.replace(".", "").isdecimal() or ":" in host:
        yield host
        return
    while host:
        yield host
        _, _, host = host.partition(".")


def words_of(url: str) -> tuple[str, frozenset[str]]:
    """(the URL in lower case without `-` and `.`, its words); percent codes are resolved."""
    lowered = unquote(url).lower()
    return lowered.replace("-", "").replace(".", ""), frozenset(_WORD.findall(lowered))


def _split(url: str) -> SplitResult:
    """Raises ValueError for an open bracket and for characters that would turn into others.

    Angle brackets around it are delimiters (RFC 3986 appendix C; WARC 1.0 writes its addresses so).
    """
    url = url.strip()
    if url.startswith("<") and url.endswith(">"):
        url = url[1:-1].strip()
    return urlsplit(url if _SCHEME.match(url) else f"//{url}")


def _plain(host: str) -> str:
    host = host.strip().rstrip(".").lower()
    if not host.isascii():
        with suppress(UnicodeError):  # a label that is empty, too long or has characters that no name may have
            host = host.encode("idna").decode("ascii")
    return host.rstrip(".").removeprefix("www.")

"""curate turns raw crawls into training-ready tokens, with a ledger of every decision."""

__version__ = "0.1.0"

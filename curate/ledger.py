"""The ledger: every input record ends as exactly one row, kept, dropped(stage, reason) or failed(stage, error)."""

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import EngineError
from curate.schema import LEDGER, VERDICT


def first_verdicts(tables: Sequence[pa.Table]) -> pa.Table:
    """Per row the first verdict among aligned VERDICT tables, in order; all null where none decided."""
    result = tables[0]
    for table in tables[1:]:
        open_rows = pc.is_null(result["verdict"])
        if not pc.any(open_rows).as_py():
            break
        merged = [pc.if_else(open_rows, table[name], result[name]) for name in VERDICT.names]
        result = pa.table(merged, schema=VERDICT)
    return result


def ledger_rows(identity: pa.Table, verdicts: pa.Table) -> pa.Table:
    """LEDGER rows from `doc_id, source, offset, url` and the final verdicts; undecided rows are the kept ones."""
    columns = {name: identity[name] for name in ("doc_id", "source", "offset", "url")}
    columns |= {name: verdicts[name] for name in VERDICT.names}
    columns["verdict"] = pc.fill_null(verdicts["verdict"], "kept")
    return pa.table({name: columns[name] for name in LEDGER.names}, schema=LEDGER)


def assert_conservation(where: str, records_in: int, ledger: pa.Table) -> None:
    """Law 1: records_in = kept + dropped + failed, each record exactly once. Raises EngineError."""
    verdicts = ledger["verdict"]
    counted = sum(pc.sum(pc.equal(verdicts, kind)).as_py() or 0 for kind in ("kept", "dropped", "failed"))
    distinct = pc.count_distinct(ledger["doc_id"]).as_py()
    if not records_in == counted == distinct == ledger.num_rows:
        raise EngineError(
            f"{where}: {records_in} records came in, but the ledger has {ledger.num_rows} rows, {distinct} ids and "
            f"{counted} verdicts. This is a bug in curate: nothing was published."
        )


def totals(counts: Mapping[str, int]) -> dict[str, object]:
    """`{records_in, kept, failed, dropped: {stage: {reason: n}}}` from the summed counts of ledger manifests."""
    dropped: dict[str, dict[str, int]] = {}
    for key, n in sorted(counts.items()):
        kind, _, rest = key.partition("/")
        if kind == "dropped":
            stage, _, reason = rest.partition("/")
            dropped.setdefault(stage, {})[reason] = n
    failed = sum(n for key, n in counts.items() if key.startswith("failed/"))
    kept = counts.get("kept", 0)
    in_all = kept + failed + sum(n for reasons in dropped.values() for n in reasons.values())
    return {"records_in": in_all, "kept": kept, "failed": failed, "dropped": dropped}

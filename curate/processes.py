"""What the system says of processes: their CPU time, and which came from which."""

import os
import subprocess
import sys
from pathlib import Path


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used; 0 for one that is gone."""
    if sys.platform != "linux":
        return cpu_seconds_by_ps(pid)
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def cpu_seconds_by_ps(pid: int) -> float:
    """The same where there is no /proc, from `ps`: [[days-]hours:]minutes:seconds."""
    shown = subprocess.run(["ps", "-o", "time=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    days, _, clock = shown.strip().rpartition("-")
    seconds = 0.0
    for number in clock.split(":") if clock else ():
        seconds = seconds * 60 + float(number)
    return int(days or 0) * 86_400 + seconds


def descendants(pid: int) -> list[int]:
    """Processes below `pid`; none where there is no /proc."""
    numbers = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
    parents = {number: int(fields[1]) for number in numbers if (fields := _stat(number))}
    found = [pid]
    for parent in found:
        found += [child for child, of in parents.items() if of == parent]
    return found[1:]


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on; none for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []

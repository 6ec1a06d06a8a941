"""Measured tables in a Markdown file, between <!-- NAME: begin --> and <!-- NAME: end -->."""

from pathlib import Path


def parts(path: Path, name: str) -> tuple[str, str, str]:
    """What stands before the table, the table with a line's end on both sides, and what comes after."""
    before, rest = path.read_text().split(f"<!-- {name}: begin -->")
    table, after = rest.split(f"<!-- {name}: end -->")
    return before, table, after


def read_table(path: Path, name: str) -> list[str]:
    """The lines of the table that begin with a bar."""
    return [line for line in parts(path, name)[1].splitlines() if line.startswith("|")]


def replace_table(path: Path, name: str, text: str) -> None:
    before, _, after = parts(path, name)
    path.write_text(f"{before}<!-- {name}: begin -->\n{text}\n<!-- {name}: end -->{after}")

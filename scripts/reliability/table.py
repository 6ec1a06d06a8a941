"""Puts a measured table into a Markdown file, between <!-- NAME: begin --> and <!-- NAME: end -->."""

from pathlib import Path


def replace_table(path: Path, name: str, text: str) -> None:
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    whole = path.read_text()
    before, rest = whole.split(begin)
    _, after = rest.split(end)
    path.write_text(f"{before}{begin}\n{text}\n{end}{after}")

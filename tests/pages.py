"""What every page of ours has to be."""

from typing import Any


def assert_walkable(root: Any) -> None:
    """One main part and title; every id once; tables with caption and scopes."""
    assert len(root.xpath("//main")) == len(root.xpath("//h1")) == 1
    ids = root.xpath("//@id")
    assert len(ids) == len(set(ids))
    assert set(root.xpath("//@aria-labelledby")) <= set(ids)
    assert all(table.xpath("caption") for table in root.xpath("//table"))
    assert root.xpath("//th[not(@scope)]") == []

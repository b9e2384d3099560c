"""An unknown name is answered with the known ones."""

from __future__ import annotations

import pytest

from ml_framework.names import closest, suggestion


@pytest.mark.parametrize(
    ("name", "names", "answer"),
    [
        ("colums", ["raw", "columns", "json"], "did you mean 'columns'?"),
        ("price", ["prices", "price_a", "id"], "did you mean 'prices'?"),
        ("xml", ["raw", "columns"], "there are 'raw', 'columns'"),
        ("price", {"price_": 1, "id": 2}, "did you mean 'price_'?"),
    ],
)
def test_the_closest_names_are_told_or_all(name, names, answer):
    assert suggestion(name, names) == answer


def test_where_there_are_too_many_names_only_close_ones_are_told():
    assert closest("price", ["prices", "price_a", "id"]) == "did you mean 'prices' or 'price_a'?"
    assert closest("mian", ["main", "other", "main"]) == "did you mean 'main'?"
    assert closest("mian", ["other"]) == ""

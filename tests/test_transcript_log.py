"""The growing sequence that states are made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_nb.transcript.log import Log


class TestLog:
    def test_an_older_view_that_grows_goes_its_own_way(self):
        first = Log([1, 2])
        second, third = first.append(3), first.append(4)
        assert (list(first), list(second), list(third)) == ([1, 2], [1, 2, 3], [1, 2, 4])

    def test_dropping_keeps_the_rest_and_the_older_view(self):
        log = Log(range(10))
        assert list(log.drop(3)) == list(range(3, 10))
        assert list(log.drop(8).append(99)) == [8, 9, 99]
        assert len(log.drop(10)) == len(log.drop(11)) == 0
        assert list(log.drop(3).append(10)) == list(range(3, 11))
        assert list(log) == list(range(10))

    def test_dropping_one_by_one_copies_less_than_was_dropped(self):
        log, copied = Log(range(10_000)), 0
        for _ in range(9_999):
            before, log = log._buffer, log.drop(1)
            copied += len(log._buffer) if log._buffer is not before else 0
        assert list(log) == [9_999]
        assert copied <= 10_000

    def test_it_is_a_sequence(self):
        log = Log(range(6)).drop(1)
        assert (log[0], log[-1], log[1:3], log[::-1]) == (1, 5, [2, 3], [5, 4, 3, 2, 1])
        assert 3 in log
        assert log.index(3) == 2
        with pytest.raises(IndexError):
            log[5]
        assert log == Log([1, 2, 3, 4, 5])
        assert log != Log([1, 2])
        assert log != [1, 2, 3, 4, 5]

    @given(st.lists(st.tuples(st.sampled_from("ad"), st.integers(0, 4)), max_size=30))
    def test_it_equals_a_list_under_any_appends_and_drops(self, operations):
        log, plain = Log[int](), list[int]()
        for kind, value in operations:
            if kind == "a":
                log, plain = log.append(value), [*plain, value]
            else:
                log, plain = log.drop(value), plain[value:]
            assert list(log) == plain

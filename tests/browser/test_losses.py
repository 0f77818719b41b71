"""What reaches the page when a server loses messages, and how little it takes: a real JupyterLab.

The streams are those of `benchmarks/stream.py`; here only what can be counted is demanded.
"""

from __future__ import annotations

import pytest
from stream_run import Case, run_case

MOST_MESSAGES_A_SECOND = 65
EARLIER = 2000
# What a message takes beside its text, in bytes.
ENVELOPE = 600

pytestmark = pytest.mark.alone


def test_nothing_is_lost_at_full_speed_in_at_most_twice_the_bytes(browser, lab):
    result = run_case(browser, lab, Case("outbox", tokens=8000))
    assert result.is_whole
    assert result.bytes <= 2 * result.text_bytes


def test_the_bytes_do_not_depend_on_what_was_said_before(browser, lab):
    alone = run_case(browser, lab, Case("outbox", tokens=2000))
    after = run_case(browser, lab, Case("outbox", tokens=2000, history=EARLIER))
    assert after.is_whole
    # How many messages it takes is a matter of the machine's pace.
    envelopes = ENVELOPE * (after.messages - alone.messages)
    assert after.bytes - alone.bytes - envelopes <= EARLIER / 2


def test_5000_tokens_a_second_stay_far_below_the_servers_limit(browser, lab):
    result = run_case(browser, lab, Case("whole", tokens=10_000, rate=5000))
    assert result.is_whole
    assert result.messages / result.seconds <= MOST_MESSAGES_A_SECOND


@pytest.mark.parametrize("peer", ["outbox", "whole"])
def test_the_page_holds_all_within_a_second_though_every_tenth_message_is_dropped(
    browser, lab, peer
):
    result = run_case(browser, lab, Case(peer, tokens=4000, rate=2000, drop_every=10))
    assert result.dropped >= 5
    assert result.is_whole

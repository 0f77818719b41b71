"""Several processes on one store, and one that is killed."""

from __future__ import annotations

import pytest

from dispatch_nb.store import (
    ConversationRow,
    Store,
)
from tests.store_parts import (
    append,
    assert_gap_free,
    finish,
    start_python,
)


@pytest.fixture
def path(tmp_path):
    with Store(tmp_path / "lab.db") as store:
        store.create_conversation(ConversationRow("c", created_us=1)).result()
    return tmp_path / "lab.db"


WRITER = """
import sys
from dispatch_nb.errors import StoreError
from dispatch_nb.store import CommitStamp, Store
from dispatch_nb.wire.conversation import ChatMessage, TextChunk
store, worker, done, refused = Store(sys.argv[1]), sys.argv[2], 0, 0
message = ChatMessage(role="user", chunks=[TextChunk(text=worker), TextChunk(text=worker)])
n = store.last_n("c") + 1
print("ready")
sys.stdin.readline()
while done < int(sys.argv[3]):
    stamp = CommitStamp(n, n, n)
    future = store.append_chunks("c", [message], turn_id="t", step_id=None, event=stamp)
    try:
        stored, _ = future.result()
    except StoreError as error:
        assert "Another process is writing conversation 'c'" in str(error), error
        refused += 1
        n = store.last_n("c") + 1
    else:
        print(*[item.seq for item in stored])
        done += 1
        n += 1
print("refused", refused)
store.close()
"""


def test_two_processes_on_one_conversation_never_double_or_skip(path):
    workers = {name: start_python(WRITER, path, name, 150) for name in "ab"}
    for process in workers.values():
        assert process.stdout.readline() == "ready\n"
    for process in workers.values():
        process.stdin.write("go\n")
        process.stdin.flush()
    owner: dict[int, str] = {}
    refused = 0
    for name, process in workers.items():
        *lines, last = finish(process).splitlines()
        refused += int(last.split()[1])
        for line in lines:
            for seq in map(int, line.split()):
                assert owner.setdefault(seq, name) == name
    assert refused > 0
    with Store(path) as store:
        chunks = assert_gap_free(store)
        assert {item.seq: item.chunk.text for item in chunks} == owner
        assert len(chunks) == 600


CREATOR = """
import sys
from dispatch_nb.store import ConversationRow, Store
print("ready")
sys.stdin.readline()
with Store(sys.argv[1]) as store:
    store.create_conversation(ConversationRow(sys.argv[2], created_us=1)).result()
"""


def test_processes_that_open_one_new_file_at_once_all_get_a_store(tmp_path):
    workers = [start_python(CREATOR, tmp_path / "lab.db", number) for number in range(4)]
    for process in workers:
        assert process.stdout.readline() == "ready\n"
    for process in workers:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in workers:
        finish(process)
    with Store(tmp_path / "lab.db") as store:
        assert sorted(store.conversation_ids()) == ["0", "1", "2", "3"]


POLLER = """
import sys
from dispatch_nb.store import Store
store, cursor, last = Store(sys.argv[1]), 0, int(sys.argv[2])
print("ready")
while cursor < last:
    tail = store.history("c", since_seq=cursor)
    whole = store.history("c")
    seqs = [item.seq for item in tail.chunks]
    assert seqs == list(range(cursor + 1, tail.latest_seq + 1)), seqs
    assert [item.seq for item in whole.chunks] == list(range(1, whole.latest_seq + 1))
    assert [int(item.chunk.text) for item in whole.chunks] == [item.seq for item in whole.chunks]
    assert whole.latest_seq >= tail.latest_seq and whole.latest_seq % 3 == 0
    if tail.latest_seq > cursor:
        cursor = tail.latest_seq
        print(cursor)
store.close()
"""


def test_a_polling_process_sees_only_prefixes_while_another_appends(path):
    poller = start_python(POLLER, path, 600)
    assert poller.stdout.readline() == "ready\n"
    seen = []
    with Store(path) as store:
        for n in range(1, 201):
            first = 3 * (n - 1) + 1
            future = append(store, n, *map(str, range(first, first + 3)))
            if n <= 5:
                future.result()
                # What is committed is there for every reader at once.
                seen.append(int(poller.stdout.readline()))
        seen += map(int, finish(poller).split())
    assert seen[:5] == [3, 6, 9, 12, 15]
    assert seen == sorted(set(seen))
    assert seen[-1] == 600


KILLED = """
import sys
from dispatch_nb.store import CommitStamp, EventRow, Store
from dispatch_nb.wire.conversation import ChatMessage, TextChunk
from dispatch_nb.wire.events import TextDeltaEvent
store, n = Store(sys.argv[1]), 0
message = ChatMessage(role="user", chunks=[TextChunk(text="x" * 3000), TextChunk(text="y")])
while True:
    rows = [
        EventRow(n + i, 1, 1, TextDeltaEvent(conversation_id="c", turn_id="t", delta="z"))
        for i in (1, 2, 3)
    ]
    store.append_events("c", rows)
    n += 4
    done = store.append_chunks(
        "c", [message], turn_id="t", step_id=None, event=CommitStamp(n, 1, 1)
    )
    done.add_done_callback(lambda done: print(done.result()[0][-1].seq))
    if n % 40 == 0:
        done.result()
"""


@pytest.mark.parametrize("after", [1, 7, 60])
def test_a_killed_process_leaves_a_gap_free_prefix_with_all_it_promised(path, after):
    process = start_python(KILLED, path)
    lines = [process.stdout.readline() for _ in range(after)]
    process.kill()
    lines += process.stdout.read().splitlines(keepends=True)
    process.wait()
    process.stdin.close()
    process.stdout.close()
    promised = max(int(line) for line in lines if line.endswith("\n"))
    with Store(path) as store:
        chunks = assert_gap_free(store)
        assert len(chunks) >= promised >= 2 * after
        assert len(chunks) % 2 == 0
        n = store.last_n("c")
        append(store, n + 1, "goes on").result()
        assert_gap_free(store)

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tidegate.client.server_sent import ServerSent, ServerSentReader

STREAM = b': hello\n\nid: 4\nevent: started\ndata: {"a":1}\n\ndata: two\r\ndata: lines \xc3\xa9\r\n\r\nevent: end\ndata: {}\n\n'
EVENTS = [
    ServerSent(name="started", data='{"a":1}', id="4"),
    ServerSent(name="message", data="two\nlines é", id=""),
    ServerSent(name="end", data="{}", id=""),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_any_chunking_gives_the_same_events(cuts):
    places = [0, *sorted(cuts), len(STREAM)]
    reader = ServerSentReader()
    found = [event for a, b in pairwise(places) for event in reader.feed(STREAM[a:b])]
    assert found == EVENTS


def test_half_an_event_is_no_event():
    assert ServerSentReader().feed(b"id: 1\ndata: x\n") == []

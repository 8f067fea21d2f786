import msgspec
import pytest
from tests.fakes.observations import observation

from tidegate.delivery.observation import COLUMNS, EncodedBatch, ObservationBatch, decode_batch, encode_observation

encode = msgspec.msgpack.encode


def batch_of(rows):
    """A batch whose rows are plain arrays, as a gateway of another build may write them."""
    return encode({"gateway": "g", "boot_id": "b", "sequence": 1, "rows": rows})


def values(**fields):
    return list(msgspec.structs.astuple(observation(**fields)))


def test_rows_encoded_one_by_one_are_the_batch():
    rows = [observation(request_id=f"req_{n}", trail=(("a/b", "timeout", n),)) for n in range(3)]
    sent = encode(EncodedBatch.of("g", "b", 1, map(encode_observation, rows)))
    assert sent == encode(ObservationBatch.of("g", "b", 1, rows))
    assert decode_batch(sent).rows == rows


def test_rows_of_an_older_gateway_lack_the_columns_that_came_later():
    row = observation(request_id="req_old")
    old = values(request_id="req_old")[: COLUMNS.index("round")]
    assert decode_batch(batch_of([old])).rows == [row]


def test_what_a_newer_gateway_adds_is_ignored():
    row = values()
    assert len(row) == len(COLUMNS)
    assert decode_batch(batch_of([[*row, "fine", {"mood": 1}]])).rows == [observation()]


def test_a_row_that_lacks_a_column_is_refused_with_its_number():
    with pytest.raises(ValueError, match=r"at least length 34, got 3 - at `\$\.rows\[1\]`"):
        decode_batch(batch_of([values(), ["req_1", 2, ""]]))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1.0, "many", None, True])
def test_what_is_no_whole_number_is_refused_with_row_and_column(value):
    """So that no sum can ever become NaN."""
    wrong = values()
    wrong[COLUMNS.index("duration_us")] = value
    with pytest.raises(ValueError, match=r"Expected `int`, got `.*` - at duration_us of row 1"):
        decode_batch(batch_of([values(), wrong]))


@pytest.mark.parametrize("body", [b"", b"\xc1", encode([]), encode({"gateway": "g"}), encode({"gateway": b"\xff"})])
def test_what_is_no_batch_is_refused(body):
    with pytest.raises(ValueError):  # noqa: PT011 - the message is the decoder's
        decode_batch(body)

"""What holds of every recorder's file: read as far as it goes, and nothing made up."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miglab.errors import EvidenceError
from miglab.observe import record_file
from miglab.observe.history import RECORDS
from miglab.observe.record_file import boot_id, number, one_of, word
from tests import histories

HEADS = {
    "ping": "ping,1,2,10.0.0.1",
    "stream": "stream,1,10,10.0.0.1,7070",
    "beacon": "beacon,1,1000",
    "wire": "wire,2,52:54:00:80:00:50",
}
EVENTS = {
    "ping": "s,0,100\nr,0,150\ne,1,200,101",
    "stream": "c,1\nq,1,2\na,1,3\nx,4,104\nq,2,5",
    "beacon": f"i,0,{histories.BOOT}\nb,1,2,3,4\nb,2,3,4,5\ni,2,{histories.OTHER_BOOT}",
    "wire": "n,1,source,rarp\nn,2,target,garp\nw,3,10.0.0.1,4096,512,0badcafe\n"
    "c,4,10.0.0.1,700,10.0.0.2,49152,begun\nc,5,10.0.0.1,700,10.0.0.2,49152,hello\n"
    "b,6,source,1000,2000\nd,7",
}
WHOLE = {name: f"{HEADS[name]}\n{EVENTS[name]}\nend\n" for name in RECORDS}
NAMES = st.sampled_from(sorted(RECORDS))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that every example writes anew."""
    return tmp_path_factory.mktemp("records") / "record.csv"


def read(name: str, path: Path, data: str | bytes) -> Any:
    """The record of that kind that ``data`` is."""
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return RECORDS[name].read(path)


def events(record: Any) -> Iterator[tuple[Any, ...]]:
    """What was seen, kind by kind."""
    for _, value in record:
        if isinstance(value, tuple):
            yield value


def count(record: Any) -> int:
    """How many events there are; a count of losses is one."""
    return sum(map(len, events(record))) + bool(getattr(record, "dropped", 0))


@pytest.mark.parametrize("name", RECORDS)
def test_a_whole_record_is_read(path: Path, name: str) -> None:
    """Every event finds its place."""
    record = read(name, path, WHOLE[name])
    assert record.complete
    assert count(record) == EVENTS[name].count("\n") + 1


@given(st.data())
def test_a_cut_off_record_is_read_as_far_as_it_goes(path: Path, data: st.DataObject) -> None:
    """Half a line is no event, however much half a number looks like one."""
    name = data.draw(NAMES)
    head = len(HEADS[name]) + 1
    length = data.draw(st.integers(head, len(WHOLE[name]) - 1))
    whole, record = read(name, path, WHOLE[name]), read(name, path, WHOLE[name][:length])
    assert not record.complete
    assert count(record) == min(WHOLE[name][head:length].count("\n"), count(whole))
    for part, found in zip(events(whole), events(record), strict=True):
        assert part[: len(found)] == found


@given(NAMES, st.integers(0, 40))
def test_half_a_head_is_no_record(path: Path, name: str, length: int) -> None:
    """The recorder was killed before it began."""
    with pytest.raises(EvidenceError, match=f"expected a {name} record"):
        read(name, path, HEADS[name][:length])


@given(NAMES, st.binary(max_size=80))
def test_anything_is_no_record_in_one_line(path: Path, name: str, data: bytes) -> None:
    """Nothing else is ever raised, whatever lies there."""
    with pytest.raises(EvidenceError) as refused:
        read(name, path, data)
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)


@given(NAMES, st.binary(max_size=80))
def test_anything_behind_a_head_is_survived(path: Path, name: str, data: bytes) -> None:
    """Nobody promised that it was written by us."""
    record = read(name, path, f"{HEADS[name]}\n".encode() + data)
    assert count(record) <= data.count(b"\n")


@given(NAMES, st.integers(0, 200), st.integers(0, 255))
def test_a_damaged_byte_ends_in_a_record_or_in_one_line(
    path: Path, name: str, place: int, byte: int
) -> None:
    """It is never more than there was."""
    data = bytearray(WHOLE[name].encode())
    data[place % len(data)] = byte
    try:
        record = read(name, path, bytes(data))
    except EvidenceError:
        return
    assert count(record) <= EVENTS[name].count("\n") + 2


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize(
    "line",
    [
        "",
        "?",
        "end,",
        "s",
        "b,1,2",
        "i,0,nobody",
        "n,1,source,bark",
        "w,1,x,0,0,0badcafe",
        "c,1,10.0.0.1,700,10.0.0.2,49152,ended",
        "c,1,10.0.0.1,700,10.0.0.2,49152",
        "b,1,source,-1,0",
    ],
)
def test_reading_stops_at_what_is_not_understood(path: Path, name: str, line: str) -> None:
    """What follows it is not believed, its end neither."""
    record = read(name, path, f"{HEADS[name]}\n{line}\n{EVENTS[name]}\nend\n")
    assert (count(record), record.complete) == (0, False)


@pytest.mark.parametrize("name", RECORDS)
def test_what_follows_the_end_undoes_it(path: Path, name: str) -> None:
    """Two recorders wrote to one file, or whatever it was."""
    assert not read(name, path, WHOLE[name] + "end\n").complete


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("version", ["3", "01", "one", ""])
def test_another_version_is_refused(path: Path, name: str, version: str) -> None:
    """By a line that says which was expected."""
    said = rf"expected {name} record version 1( or 2)?, found '{version}'"
    kind, _, rest = WHOLE[name].split(",", 2)
    with pytest.raises(EvidenceError, match=said):
        read(name, path, f"{kind},{version},{rest}")


def test_a_wire_of_version_1_is_read(path: Path) -> None:
    """It knew neither connections nor traffic, and says so."""
    lines = EVENTS["wire"].split("\n")
    old = "\n".join(line for line in lines if line[0] not in "cb")
    record = read("wire", path, f"wire,1,52:54:00:80:00:50\n{old}\nend\n")
    assert (record.version, record.complete) == (1, True)
    assert (record.connections, record.traffic) == ((), ())
    assert (len(record.announcements), len(record.writes), record.dropped) == (2, 1, 7)


def test_what_passed_has_names(path: Path) -> None:
    """Of a line's fields, in their order."""
    record = read("wire", path, WHOLE["wire"])
    begun, hello = record.connections
    ends = {"client": "10.0.0.1", "client_port": 700, "server": "10.0.0.2", "port": 49152}
    assert begun.model_dump(mode="json") == {"time_ns": 4, **ends, "what": "begun"}
    assert hello.model_dump(mode="json") == {"time_ns": 5, **ends, "what": "hello"}
    (sample,) = record.traffic
    assert sample.model_dump() == {"time_ns": 6, "node": "source", "received": 1000, "sent": 2000}


@pytest.mark.parametrize(
    ("name", "head", "field"),
    [
        ("ping", "ping,1,0,10.0.0.1", "interval_ms"),
        ("stream", "stream,1,10,10.0.0.1,65536", "port"),
        ("stream", "stream,1,10,somewhere,7070", "address"),
        ("beacon", "beacon,1,10001", "hz"),
        ("wire", "wire,1,nobody", "mac"),
    ],
)
def test_an_unusable_head_names_its_field(path: Path, name: str, head: str, field: str) -> None:
    """In one line."""
    with pytest.raises(EvidenceError, match=f"a {name} record that cannot be used: {field}: "):
        read(name, path, f"{head}\nend\n")


@given(st.integers(0, 2**64 - 1), st.uuids())
def test_fields_are_read_as_they_were_written(value: int, boot: UUID) -> None:
    """Of 64 bits, of a boot."""
    assert number(str(value)) == value
    assert boot_id(str(boot)) == str(boot)


@pytest.mark.parametrize(
    ("reader", "text"),
    [
        (number, ""),
        (number, "-1"),
        (number, "1.0"),
        (number, "9" * 21),
        (word, ""),
        (word, "a\tb"),
        (word, "\N{REPLACEMENT CHARACTER}"),
        (word, "a" * (record_file.WORD_MAX + 1)),
        (one_of("yes", "no"), "perhaps"),
        (boot_id, "1"),
    ],
)
def test_damaged_fields_are_refused(reader: Any, text: str) -> None:
    """Each by a ValueError."""
    with pytest.raises(ValueError, match=r"."):
        reader(text)

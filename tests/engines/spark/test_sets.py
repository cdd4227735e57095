"""The sets of a warehouse on Spark and the file that names the published one, without Spark."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from engines.spark import sets
from errors import WarehouseError


def publish(root: Path, content: str | None = None, begin: Callable[[], None] = lambda: None) -> Path:
    """Publish a set in which one table has one file of that content; None: all is as it was."""
    with sets.next_set(root, 0, lambda _: None, begin) as folder:
        table = folder / "tables" / "run" / "marts.db" / "facts"
        table.mkdir(parents=True, exist_ok=True)
        if content is not None:
            for file in table.iterdir():
                file.unlink()
            (table / f"{content}.parquet").write_text(content)
        (folder / sets.STATE).write_text(content or "")
    return folder


def told(root: Path) -> str:
    with sets.published_set(root) as folder:
        return "".join(file.read_text() for file in folder.glob("tables/*/*/*/*"))


def folders(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "sets").iterdir())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "w.spark"


def test_what_is_not_written_anew_is_the_same_file(root):
    first = publish(root, "first")
    second = publish(root)
    files = [next(folder.glob("tables/*/*/*/*")) for folder in (first, second)]
    assert files[0].samefile(files[1])
    assert not (first / sets.STATE).samefile(second / sets.STATE)
    assert told(root) == "first"


def test_a_failure_leaves_nothing(root):
    publish(root, "first")
    before = folders(root)

    def fail() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish(root, "second", begin=fail)
    assert (told(root), folders(root)) == ("first", before)


def test_what_a_killed_process_left_is_deleted_by_the_next_one(root):
    publish(root, "first")
    (root / "sets" / "20260101T000000-00000000" / "tables").mkdir(parents=True)
    publish(root, "second")
    assert len(folders(root)) == 2


def test_a_set_that_is_read_stays_until_its_reader_is_done(root):
    publish(root, "first")
    with sets.published_set(root) as folder:
        for content in ("second", "third"):
            publish(root, content)
        assert next(folder.glob("tables/*/*/*/*")).read_text() == "first"
        with pytest.raises(WarehouseError, match="is being read by another process"):
            sets.remove(root, 0, lambda _: None, lambda: None)
    assert told(root) == "third"
    publish(root, "fourth")
    assert not folder.exists()
    assert len(folders(root)) == 2


def test_the_way_back_of_a_mistyped_name_leaves_nothing_there(root):
    mistyped = root.with_name("mistyped")
    with pytest.raises(WarehouseError, match="there is no earlier state of"):
        sets.roll_back(mistyped, 0, lambda _: None, lambda: None)
    assert not mistyped.exists()


def test_the_way_back_and_forth_again(root):
    publish(root, "first")
    with pytest.raises(WarehouseError, match="there is no earlier state of"):
        sets.roll_back(root, 0, lambda _: None, lambda: None)
    publish(root, "second")
    for expected in ("first", "second"):
        sets.roll_back(root, 0, lambda _: None, lambda: None)
        assert told(root) == expected


def test_a_second_writer_is_told_who_the_first_is(root):
    with (
        sets.next_set(root, 0, lambda _: None, lambda: None),
        pytest.raises(WarehouseError, match=r"process \d+ is writing .*w\.spark; try again when it is done"),
    ):
        publish(root, "second")


def test_a_folder_of_somebody_else_is_left_alone(root):
    root.mkdir()
    (root / "theirs").touch()
    for command in (publish, told, lambda root: sets.remove(root, 0, lambda _: None, lambda: None)):
        with pytest.raises(WarehouseError, match="holds what is not ours"):
            command(root)
    assert [path.name for path in root.iterdir()] == ["theirs"]


def test_a_file_is_no_warehouse(root):
    root.touch()
    with pytest.raises(WarehouseError, match="is a file; a warehouse on Spark is a folder"):
        publish(root, "first")


def test_a_damaged_pointer_and_a_missing_set(root):
    publish(root, "first")
    publish(root, "second")
    pointer = root / "published.json"
    text = pointer.read_text()
    pointer.write_text("{")
    with pytest.raises(WarehouseError, match="cannot be read"):
        told(root)
    pointer.write_text(json.dumps(json.loads(text) | {"published": "gone"}))
    with pytest.raises(WarehouseError, match=r"is missing or damaged; run: .* rollback"):
        told(root)
    sets.roll_back(root, 0, lambda _: None, lambda: None)
    assert told(root) == "first"


def test_reset_takes_what_is_ours_and_no_more(root):
    publish(root, "first")
    (root / "theirs").touch()
    sets.remove(root, 0, lambda _: None, lambda: None)
    assert [path.name for path in root.iterdir()] == ["theirs"]
    with pytest.raises(WarehouseError, match="there is no warehouse at"):
        told(root.with_name("other"))

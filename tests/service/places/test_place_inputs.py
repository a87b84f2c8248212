"""Which files an address names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from service.errors import AvalError, UnreadableInput, WrongUse
from service.places import Inputs, NothingYet, find_inputs, place_of
from service.places.pattern import NO_VALUE
from tests.moto import Moto

ENDINGS = (".csv", ".csv.gz", ".parquet")


@pytest.fixture(params=["local", "s3"])
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "local":
        (tmp_path / "in").mkdir()
        yield str(tmp_path / "in")
    else:
        yield f"s3://{request.getfixturevalue('bucket')}/in"


@pytest.fixture
def fill(base: str) -> Callable[..., None]:
    place = place_of(base)

    def fill(*names: str) -> None:
        for name in names:
            place.write(name, name.encode())

    return fill


def found(source: str, where: Mapping[str, str] | None = None, *, dated: bool = False) -> list[str]:
    return [item.name for item in find_inputs(source, ENDINGS, where, dated=dated).items]


def complaint(error: type[AvalError], source: str, where: Mapping[str, str] | None = None) -> str:
    with pytest.raises(error) as refused:
        find_inputs(source, ENDINGS, where)
    assert type(refused.value) is error
    return str(refused.value)


def test_one_file_is_itself(base: str, fill: Callable[..., None]) -> None:
    fill("a.csv", "b.csv")
    inputs = find_inputs(f"{base}/a.csv", ENDINGS)
    assert [(item.name, item.uri, item.size) for item in inputs.items] == [("a.csv", f"{base}/a.csv", 5)]


def test_a_hidden_file_is_scored_where_it_is_named(base: str, fill: Callable[..., None]) -> None:
    fill("_a.csv")
    assert found(f"{base}/_a.csv") == ["_a.csv"]


@pytest.mark.parametrize("end", ["", "/"])
def test_a_folder_is_all_that_is_in_it_but_what_is_hidden(
    base: str, fill: Callable[..., None], end: str
) -> None:
    fill("b.CSV", "a/b.csv.gz", "a.parquet", "_SUCCESS", ".a.csv.crc", "_old/a.csv", "README.md", "a/readme")
    assert found(base + end) == ["a.parquet", "a/b.csv.gz", "b.CSV"]


def test_a_readme_is_passed_over_only_where_it_is_text_for_people(
    base: str, fill: Callable[..., None]
) -> None:
    fill("README", "readme.TXT", "a/Readme.md", "a/README.csv", "Readme.parquet", "readme_first.csv")
    assert found(base) == ["Readme.parquet", "a/README.csv", "readme_first.csv"]
    fill("README.xlsx")
    assert f"{base}/README.xlsx: its name must end in one of" in complaint(UnreadableInput, base)


def test_a_folder_may_have_the_name_of_a_file(base: str, fill: Callable[..., None]) -> None:
    fill("x.csv/a.csv", "x.csv/b.csv", "x.csvs/c.csv")
    assert found(f"{base}/x.csv") == ["a.csv", "b.csv"]
    assert found(base) == ["x.csv/a.csv", "x.csv/b.csv", "x.csvs/c.csv"]


def test_a_file_of_another_kind_is_refused_by_name(base: str, fill: Callable[..., None]) -> None:
    fill("a.csv", "notes.txt")
    wanted = f"{base}/notes.txt: its name must end in one of: .csv, .csv.gz, .parquet"
    assert wanted in complaint(UnreadableInput, base)
    assert wanted in complaint(UnreadableInput, f"{base}/notes.txt")
    assert wanted in complaint(UnreadableInput, f"{base}/*")
    assert found(f"{base}/*.csv") == ["a.csv"]


@pytest.mark.parametrize("name", ["a\nb.csv", "a\x1b[2K.csv", "a\u2028b.csv", "\u202ea.csv"], ids=ascii)
def test_a_name_that_cannot_be_shown_in_one_line_is_refused(tmp_path: Path, name: str) -> None:
    said = "holds a line break or another character that cannot be shown; rename it"
    (tmp_path / name).write_bytes(b"1")
    assert complaint(UnreadableInput, str(tmp_path)) == f"{name!a} in {tmp_path} {said}"
    assert complaint(WrongUse, f"{tmp_path}/{name}") == f"{name!a} in {tmp_path} {said}"


def test_a_key_that_cannot_be_shown_in_one_line_is_refused(moto_s3: Moto, bucket: str) -> None:
    moto_s3.client().put_object(Bucket=bucket, Key="in/a\u2028b.csv", Body=b"1")
    assert "cannot be shown" in complaint(UnreadableInput, f"s3://{bucket}/in")


@pytest.mark.parametrize(
    ("glob", "names"),
    [
        ("*.csv", ["a.csv", "b.csv"]),
        ("[ab].csv", ["a.csv", "b.csv"]),
        ("?.csv", ["a.csv", "b.csv"]),
        ("d*/x.csv", ["d1/x.csv", "d2/x.csv"]),
        ("d*", ["d1/e/y.csv", "d1/x.csv", "d2/x.csv"]),
        ("d*/", ["d1/e/y.csv", "d1/x.csv", "d2/x.csv"]),
        ("**/x.csv", ["d1/x.csv", "d2/x.csv"]),
        ("**/[xy].csv", ["d1/e/y.csv", "d1/x.csv", "d2/x.csv"]),
        ("**", ["a.csv", "b.csv", "d1/e/y.csv", "d1/x.csv", "d2/x.csv"]),
        ("d1/*.csv", ["x.csv"]),
        ("d1/**/*.csv", ["e/y.csv", "x.csv"]),
        ("_h*/x.csv", ["_hidden/x.csv"]),
    ],
)
def test_a_glob_is_what_it_matches_and_what_is_in_folders_it_matches(
    base: str, fill: Callable[..., None], glob: str, names: list[str]
) -> None:
    fill("a.csv", "b.csv", "d1/x.csv", "d1/e/y.csv", "d2/x.csv", "_hidden/x.csv")
    assert found(f"{base}/{glob}") == names


def test_a_file_whose_own_name_looks_like_a_glob_is_that_file(base: str, fill: Callable[..., None]) -> None:
    fill("a[1].csv", "a1.csv")
    assert found(f"{base}/a[1].csv") == ["a[1].csv"]
    assert found(f"{base}/a[12].csv") == ["a1.csv"]


def test_partitions_are_the_folders_in_the_address_and_below(base: str, fill: Callable[..., None]) -> None:
    fill(
        "day=2026-11-20/land=Cura%C3%A7ao/key%3D=a=b/x.csv",
        "day=2026-11-20/land=__HIVE_DEFAULT_PARTITION__/x.csv",
    )
    below = find_inputs(base, ENDINGS)
    assert [below.partitions(item) for item in below.items] == [
        {"day": "2026-11-20", "land": "Curaçao", "key=": "a=b"},
        {"day": "2026-11-20", "land": NO_VALUE},
    ]
    for source in (f"{base}/day=2026-11-20", f"{base}/day=*/land=*/x.csv", f"{base}/day=2026-11-20/land*/"):
        inputs = find_inputs(source, ENDINGS)
        assert {inputs.partitions(item)["day"] for item in inputs.items} == {"2026-11-20"}


def test_only_partitions_that_are_asked_for_are_looked_into(base: str, fill: Callable[..., None]) -> None:
    days = ("2026-11-19", "2026-11-20")
    fill(*(f"day={day}/land={land}/x.csv" for day in days for land in ("DE", "FR")))
    fill("day=2026-11-19/notes.txt")
    assert found(base, {"day": "2026-11-20"}) == [
        "day=2026-11-20/land=DE/x.csv",
        "day=2026-11-20/land=FR/x.csv",
    ]
    assert found(base, {"day": "2026-11-20", "land": "FR"}) == ["day=2026-11-20/land=FR/x.csv"]
    assert found(f"{base}/day=*/land=*/*.csv", {"land": "FR"}) == [
        "day=2026-11-19/land=FR/x.csv",
        "day=2026-11-20/land=FR/x.csv",
    ]
    assert found(f"{base}/day=2026-11-20", {"day": "2026-11-20", "land": "FR"}) == ["land=FR/x.csv"]


def test_the_partition_of_nulls_is_asked_for_by_its_name(base: str, fill: Callable[..., None]) -> None:
    fill("land=FR/x.csv", "land=__HIVE_DEFAULT_PARTITION__/x.csv")
    assert found(base, {"land": NO_VALUE}) == ["land=__HIVE_DEFAULT_PARTITION__/x.csv"]


def test_a_partition_that_is_not_there_yet_is_said_so(base: str, fill: Callable[..., None]) -> None:
    fill("day=2026-11-19/x.csv")
    text = complaint(NothingYet, base, {"day": "2026-11-20"})
    assert text == f"{base}: no file to score is there yet in a folder day=2026-11-20; look again later"


def test_asking_for_a_partition_that_there_is_none_of_is_wrong_use(
    base: str, fill: Callable[..., None]
) -> None:
    fill("day=2026-11-19/x.csv")
    assert "is in no folder dya=…" in complaint(WrongUse, base, {"dya": "2026-11-20"})
    text = complaint(WrongUse, f"{base}/day=2026-11-19", {"day": "2026-11-20"})
    assert "is in day=2026-11-19, and day=2026-11-20 is asked" in text


def test_a_partition_with_two_values_is_an_error(base: str, fill: Callable[..., None]) -> None:
    fill("day=1/day=2/x.csv")
    assert "is in day=1 and in day=2; it can be in one alone" in complaint(UnreadableInput, base)


@pytest.mark.parametrize("source", ["", "/", "/none/", "/none", "/*.csv", "/none/*/x.csv"])
def test_nothing_yet_is_an_answer_of_its_own(base: str, source: str) -> None:
    with pytest.raises(NothingYet) as nothing:
        find_inputs(base + source, ENDINGS)
    assert nothing.value.exit_code == 3
    assert f"{base}{source}: no file to score is there yet" in str(nothing.value)


def test_a_file_that_is_not_there_is_an_error_but_for_one_of_a_date(base: str) -> None:
    text = complaint(UnreadableInput, f"{base}/a.csv")
    assert text == f"{base}/a.csv does not exist; mend the name"
    with pytest.raises(NothingYet, match="yet"):
        find_inputs(f"{base}/a.csv", ENDINGS, dated=True)


def test_an_empty_folder_with_the_name_of_a_file_is_there(tmp_path: Path) -> None:
    (tmp_path / "2026.11.20").mkdir()
    assert "yet" in complaint(NothingYet, str(tmp_path / "2026.11.20"))


def test_a_relative_address_is_kept_as_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    place_of("in").write("a.csv", b"1")
    place_of(".").write("b.csv", b"1")

    def uris(source: str) -> list[str]:
        return [item.uri for item in find_inputs(source, ENDINGS).items]

    assert uris("b.csv") == ["b.csv"]
    assert uris("in") == uris("in/") == uris("in/*") == uris("in/a.csv") == ["in/a.csv"]
    assert uris(".") == ["b.csv", "in/a.csv"]
    assert uris("*.csv") == ["b.csv"]
    assert uris(f"{tmp_path}/in/../b.csv") == [f"{tmp_path}/in/../b.csv"]


def test_the_whole_of_a_bucket_is_a_folder(bucket: str) -> None:
    place_of(f"s3://{bucket}").write("a.csv", b"1")
    place_of(f"s3://{bucket}/").write("in/b.csv", b"1")
    for source in (f"s3://{bucket}", f"s3://{bucket}/", f"s3://{bucket}/*"):
        inputs: Inputs = find_inputs(source, ENDINGS)
        assert [item.uri for item in inputs.items] == [f"s3://{bucket}/a.csv", f"s3://{bucket}/in/b.csv"]

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from service.errors import WrongUse
from service.online.metrics import Metrics
from service.online.worker import Worker
from service.roots import LONGEST, Roots
from service.settings import Settings
from tests.service.batch.batch_scorers import linear_predictor, make_scorer

BUCKET = "s3://bank/batch"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root among other folders, one of which has a name that starts as the root's does."""
    for name in ("root", "root-2", "elsewhere"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "in.csv").write_text("a\n1\n")
    return tmp_path / "root"


def complaint(root: Path, address: str, *, wild: bool = False) -> str | None:
    return Roots.of([str(root), BUCKET]).complaint(address, wild=wild)


@pytest.mark.parametrize(
    "name", ["in.csv", "new.csv", "new folder/", "a/b/c.parquet", "..a.csv", "ä.csv", "50%.csv", ""]
)
def test_what_lies_in_a_root_is_let_in_also_before_it_is_there(root: Path, name: str) -> None:
    assert complaint(root, f"{root}/{name}") is None


@pytest.mark.parametrize("address", [BUCKET, f"{BUCKET}/", f"{BUCKET}/in.csv", f"{BUCKET}/2026/11/"])
def test_what_lies_below_a_prefix_is_let_in(root: Path, address: str) -> None:
    assert complaint(root, address) is None


OUTSIDE = [
    "/etc/passwd",
    "/",
    "{root}-2/in.csv",
    "{root}2",
    "{root}/../elsewhere/in.csv",
    "{root}/..",
    "{root}/./in.csv",
    "{root}//in.csv",
    "//{root}/in.csv",
    "in.csv",
    "../root/in.csv",
    "~/in.csv",
    "-",
    "--help",
    "",
    "file://{root}/in.csv",
    "file:{root}/in.csv",
    "http://169.254.169.254/latest/meta-data/",
    "https://bank/batch/in.csv",
    "ftp://bank/batch/in.csv",
    "gs://bank/batch/in.csv",
    "S3://bank/batch/in.csv",
    "s3:/bank/batch/in.csv",
    "s3://bank",
    "s3://bank/",
    "s3://bank/batches/in.csv",
    "s3://bank/other/in.csv",
    "s3://other/batch/in.csv",
    "s3://bank/batch/../other/in.csv",
    "s3://bank/batch//in.csv",
    "s3:///bank/batch/in.csv",
    "s3://",
    "s3://user@bank/batch/in.csv",
    "{root}/in.csv\0",
    "{root}/in\n.csv",
    "{root}/\ud800.csv",
    "{root}/{{date}}.csv",
    "{root}/" + "x" * LONGEST,
]


@pytest.mark.parametrize("text", OUTSIDE)
@pytest.mark.parametrize("wild", [False, True])
def test_everything_else_is_refused(root: Path, text: str, wild: bool) -> None:
    assert complaint(root, text.replace("{root}", str(root)).replace("{{date}}", "{date}"), wild=wild)


@pytest.mark.parametrize(
    "text", ["{root}/*.csv", "{root}/**/in.csv", "{root}/a?/[bc]/x.csv", f"{BUCKET}/*/in.csv"]
)
def test_a_glob_may_stand_below_a_root_where_globs_may_stand(root: Path, text: str) -> None:
    address = text.replace("{root}", str(root))
    assert complaint(root, address, wild=True) is None
    assert "one file or folder" in str(complaint(root, address))


@pytest.mark.parametrize(
    "text",
    [
        "{root}*/in.csv",
        "{root}/../*/in.csv",
        "/*",
        "/**",
        "s3://bank/*",
        "s3://bank/batch*/x",
        "s3://*/batch/x",
    ],
)
def test_a_glob_that_leads_out_is_refused(root: Path, text: str) -> None:
    assert complaint(root, text.replace("{root}", str(root)), wild=True)


@pytest.mark.parametrize("link", ["link", "a/link", "link/in.csv", "link/new/in.csv"])
def test_a_link_that_leads_out_is_refused_wherever_it_stands(root: Path, link: str) -> None:
    folder, _, _ = link.partition("link")
    (root / folder).mkdir(exist_ok=True)
    (root / folder / "link").symlink_to(root.parent / "elsewhere")
    assert complaint(root, f"{root}/{link}") == "does not lie inside the roots"
    assert complaint(root, f"{root}/{link}/*.csv", wild=True) == "does not lie inside the roots"


def test_a_link_to_a_file_outside_is_refused(root: Path) -> None:
    (root / "link.csv").symlink_to(root.parent / "elsewhere" / "in.csv")
    assert complaint(root, f"{root}/link.csv") == "does not lie inside the roots"


def test_a_link_from_outside_is_no_way_in(root: Path) -> None:
    (root.parent / "link").symlink_to(root)
    assert complaint(root, f"{root.parent}/link/in.csv") == "does not lie inside the roots"


def test_a_link_from_one_root_into_another_is_no_way(root: Path) -> None:
    (root / "link").symlink_to(root.parent / "elsewhere")
    roots = Roots.of([str(root), str(root.parent / "elsewhere")])
    assert roots.complaint(f"{root}/link/in.csv") == "does not lie inside the roots"
    assert roots.complaint(f"{root.parent}/elsewhere/in.csv") is None


def test_a_root_may_itself_be_a_link(root: Path) -> None:
    (root.parent / "link").symlink_to(root)
    assert Roots.of([f"{root.parent}/link"]).complaint(f"{root.parent}/link/in.csv") is None


def test_links_in_a_circle_lead_nowhere(root: Path) -> None:
    (root / "a").symlink_to(root / "b")
    (root / "b").symlink_to(root / "a")
    assert complaint(root, f"{root}/a/../../in.csv")
    assert complaint(root, f"{root}/a/in.csv") is None


@pytest.mark.parametrize(
    "text", ["files", "../files", "s3://", "http://x", "/srv/*", "/srv/../x", "file:///srv"]
)
def test_a_root_that_is_no_folder_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(WrongUse) as refused:
        Roots.of([text])
    assert str(refused.value).startswith(f"AVAL_BATCH_ROOTS: {text!r} ")


@pytest.mark.parametrize(
    ("root", "own"),
    [
        ("/srv/files", "/srv/files/.aval"),
        ("/srv/files", "/srv/files"),
        ("/srv/aval/segments", "/srv/aval"),
        ("/", "/srv/aval"),
        ("s3://bank/batch", "s3://bank/batch/segments"),
        ("s3://bank/segments/x/", "s3://bank/segments"),
        ("s3://bank", "s3://bank/segments/"),
    ],
)
def test_a_root_that_meets_one_of_our_own_places_is_refused_by_both_names(root: str, own: str) -> None:
    with pytest.raises(WrongUse) as refused:
        Roots.of([root]).expect_apart({"AVAL_SEGMENTS": own, "BENTOML_HOME": "/elsewhere"})
    assert repr(root) in str(refused.value)
    assert f"AVAL_SEGMENTS={own}" in str(refused.value)


def test_a_root_that_meets_one_of_our_own_places_by_a_link_is_refused(root: Path) -> None:
    (root.parent / "link").symlink_to(root)
    for one, other in ((root.parent / "link", root / "aval"), (root, root.parent / "link" / "aval")):
        with pytest.raises(WrongUse):
            Roots.of([str(one)]).expect_apart({"AVAL_HOME": str(other)})


@pytest.mark.parametrize("name", ["AVAL_HOME", "AVAL_SEGMENTS", "AVAL_SPOOL", "BENTOML_HOME"])
def test_a_worker_does_not_start_where_its_own_places_may_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for own in ("AVAL_HOME", "AVAL_SEGMENTS", "AVAL_SPOOL", "BENTOML_HOME"):
        monkeypatch.setenv(own, str(tmp_path / own))
    monkeypatch.setenv("AVAL_BATCH_ROOTS", str(tmp_path / name))
    settings, scorer = Settings.from_environment(), make_scorer(linear_predictor())
    with pytest.raises(WrongUse, match=f", {name}="):
        Worker(
            settings, scorer, None, None, Metrics(frozenset(), {"model": "1"}, None), None, None, frozenset()
        )


@pytest.mark.parametrize("own", ["/srv/aval", "/srv/files-2", "s3://bank/batches", "s3://other/batch"])
def test_roots_beside_our_own_places_are_fine(own: str) -> None:
    Roots.of(["/srv/files", BUCKET]).expect_apart({"AVAL_SEGMENTS": own})


NAMES = st.sampled_from(["..", ".", "", "a", "root", "link", "*", "in.csv", "elsewhere"])


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(NAMES, max_size=6))
def test_whatever_is_let_in_really_lies_inside(root: Path, names: list[str]) -> None:
    (root / "a").mkdir(exist_ok=True)
    if not (root / "link").is_symlink():
        (root / "link").symlink_to(root.parent / "elsewhere")
    address = "/".join([str(root), *names])
    if complaint(root, address) is None:
        assert Path(address).resolve().is_relative_to(root.resolve())

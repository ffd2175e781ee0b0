"""Images of a slice in, a box out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmseg.data.boxes.sample import Sample
from llmseg.errors import ConfigError, DataError, UserError
from llmseg.language.codecs.base import Decoded
from llmseg.web.locate import locate
from llmseg.web.offers import find_offers
from tests.web.make_runs import box_run, photo, scan, stub_ask

CONFIG: dict[str, Any] = {"data": {"sequences": ["t2f", "t1c"], "plane": "axial"}}


class Seen:
    """Keeps what it was asked about."""

    def __call__(self, sample: Sample) -> tuple[str | None, Decoded]:
        self.sample = sample
        return stub_ask(sample)


def test_pictures_of_a_slice(tmp_path: Path) -> None:
    ask = Seen()
    found = locate(ask, CONFIG, {"t2f": photo(tmp_path / "a.png"), "t1c": photo(tmp_path / "b.png", seed=1)})
    assert list(ask.sample.images) == ["t2f", "t1c"]
    assert ask.sample.size == (40, 30)
    assert str(found) == "(0.25, 0.25)\nbox: 10 x 8 pixels, upper left corner at x=10, y=8"
    assert found.picture.ndim == 3
    assert np.ptp(found.picture) == 255


def test_one_sequence_is_enough_where_names_tell(tmp_path: Path) -> None:
    ask = Seen()
    locate(ask, CONFIG, {"t2f": None, "t1c": photo(tmp_path / "b.png")})
    assert list(ask.sample.images) == ["t1c"]


@pytest.mark.parametrize("index", [None, 2])
def test_a_slice_of_scans(tmp_path: Path, index: int | None) -> None:
    """The scan lies in LPS: the image is that of the plane in RAS."""
    ask = Seen()
    files = {"t2f": scan(tmp_path / "a.nii.gz"), "t1c": scan(tmp_path / "b.nii", 1)}
    found = locate(ask, CONFIG, files, index)
    assert list(ask.sample.images) == ["t2f", "t1c"]
    assert ask.sample.size == (30, 36)
    assert 0 <= (ask.sample.record.slice or 0) < 12
    assert index is None or ask.sample.record.slice == index
    assert str(found).endswith(
        f"axial slice {ask.sample.record.slice}; the patient's left is at the right of the image"
    )


def test_unnamed_sequences_must_all_be_there(tmp_path: Path) -> None:
    config = {"data": {"sequences": ["adc", "dwi"], "plane": "coronal"}}
    files = {"adc": scan(tmp_path / "a.nii.gz"), "dwi": scan(tmp_path / "b.nii.gz", 1)}
    ask = Seen()
    locate(ask, config, files, 20)
    assert (ask.sample.record.plane, ask.sample.record.slice) == ("coronal", 20)
    with pytest.raises(DataError, match="dwi: no file yet"):
        locate(ask, config, {**files, "dwi": None})


def test_no_box_is_said(tmp_path: Path) -> None:
    files: dict[str, Path | None] = {"t2f": photo(tmp_path / "a.png")}
    assert str(locate(lambda sample: ("?", Decoded((), "no number in it")), CONFIG, files)).endswith(
        "no box (no number in it)"
    )
    assert str(locate(lambda sample: (None, Decoded(())), CONFIG, files)) == "no box"


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    picture, volume = photo(tmp_path / "a.png"), scan(tmp_path / "a.nii.gz")
    with pytest.raises(DataError, match="no file yet: upload an image of t2f, t1c"):
        locate(stub_ask, CONFIG, {"t2f": None, "t1c": None})
    with pytest.raises(DataError, match=r"differ in size .t2f 40 x 30, t1c 20 x 30"):
        locate(stub_ask, CONFIG, {"t2f": picture, "t1c": photo(tmp_path / "b.png", (20, 30))})
    with pytest.raises(DataError, match="but not both"):
        locate(stub_ask, CONFIG, {"t2f": picture, "t1c": volume})
    with pytest.raises(ConfigError, match=r"slice=12: .* slices 0 to 11"):
        locate(stub_ask, CONFIG, {"t2f": volume}, 12)


def test_the_slice_is_typed(tmp_path: Path) -> None:
    pytest.importorskip("gradio")
    from llmseg.web.tabs.locate import located

    box_run(tmp_path / "run")
    (offer,) = find_offers([tmp_path / "run"])
    files = [str(scan(tmp_path / "uploads" / "a.nii.gz")), None]
    assert "axial slice 7;" in str(located(stub_ask, offer, files, " 7 "))
    assert "axial slice" in str(located(stub_ask, offer, files, ""))
    with pytest.raises(UserError, match="slice '-1': give a whole number"):
        located(stub_ask, offer, files, "-1")

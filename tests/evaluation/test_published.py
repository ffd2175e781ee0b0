"""Published numbers: each has a source, and stands only where it belongs."""

from llmseg.evaluation.published import BEST_ON_TEST, LAST, caution, fitting, published


def test_every_row_is_whole() -> None:
    rows = published()
    assert len(rows) > 50
    for row in rows:
        assert row.source.startswith("https://"), row
        assert row.protocol
        assert 0.4 < row.dice < 1, row
        assert row.jaccard is None or row.jaccard < row.dice, row
        assert row.asd_voxel is None or row.hd95_voxel is None or row.asd_voxel < row.hd95_voxel, row
    keys = [(row.data, row.labelled, row.method, row.selection, row.dice) for row in rows]
    assert len(set(keys)) == len(rows)


def test_dice_and_jaccard_agree() -> None:
    """J = D / (2 - D) holds for one case, and nearly so for means; a slip of the pen does not keep to it."""
    for row in published():
        if row.jaccard is not None:
            assert abs(row.jaccard - row.dice / (2 - row.dice)) < 0.03, row


def test_numbers_of_cases_are_those_of_the_protocol() -> None:
    training = {"la_h5": 80, "pancreas_a": 62, "pancreas_b": 62, "brats19": 250}
    for row in published():
        assert row.labelled + row.unlabelled == training[row.data], row
        assert str(training[row.data]) in row.protocol


def test_only_what_fits_is_shown() -> None:
    assert {row.labelled for row in fitting("la_h5", {4, 8})} == {4, 8}
    assert {row.data for row in fitting("pancreas_b", {6, 12})} == {"pancreas_b"}
    assert fitting("hippocampus", {4}) == []
    assert fitting("la_h5", {None, 5}) == []
    assert fitting("la", {8}) == fitting("la_h5", {8})
    assert "8 + 72" in str(caution("la"))
    assert caution("la_h5") is None


def test_one_method_before_and_after_choosing_on_the_test_set() -> None:
    dice = {row.selection: row.dice for row in fitting("pancreas_a", {12}) if row.method == "AD-MT"}
    assert dice == {LAST: 0.7784, BEST_ON_TEST: 0.8261}

"""Objects under a mask have no box."""

from darkroom.node.masking import hidden_share, unmasked


MASK = [[0, 0], [100, 0], [100, 100], [0, 100]]


def row(x1, y1, x2, y2):
    return [0, -1, x1, y1, x2, y2, 1.0]


def test_share_of_a_box_under_masks():
    assert 1.0 == hidden_share(row(10, 10, 20, 20), [MASK])
    assert 0.0 == hidden_share(row(110, 10, 120, 20), [MASK])
    assert 0.5 == hidden_share(row(90, 10, 110, 20), [MASK])
    assert 0.5 == hidden_share(row(90, 10, 110, 20), [MASK, MASK])


def test_a_box_mostly_under_a_mask_is_dropped():
    seen, hidden = row(95, 10, 125, 20), row(85, 10, 105, 20)

    assert [seen] == unmasked([seen, hidden], [MASK])
    assert [seen, hidden] == unmasked([seen, hidden], [])


def test_a_concave_mask_hides_only_what_it_covers():
    corner = [[0, 0], [100, 0], [100, 20], [20, 20], [20, 100], [0, 100]]

    assert 0.0 == hidden_share(row(40, 40, 60, 60), [corner])
    assert 1.0 == hidden_share(row(2, 40, 18, 60), [corner])

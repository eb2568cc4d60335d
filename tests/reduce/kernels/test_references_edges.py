"""Which frames are references: far enough, or, where too few are, the farthest."""

import numpy as np
import pytest

from reduce.kernels.references import choose_references, moved, references

_ANGLES = np.array([0.0, 10.0, 20.0, 60.0, 350.0, 370.0])


def test_the_way_moved_is_the_chord_and_full_turns_are_none() -> None:
    way = moved(_ANGLES, 20.0)
    for t, a in enumerate(np.radians(_ANGLES)):
        for s, b in enumerate(np.radians(_ANGLES)):
            chord = 20 * np.hypot(np.cos(a) - np.cos(b), np.sin(a) - np.sin(b))
            assert way[t, s] == pytest.approx(chord, abs=1e-9)
    assert way[1, 5] == pytest.approx(0.0, abs=1e-9)


def test_frames_that_are_far_enough_are_allowed_and_no_frame_is_its_own_reference() -> None:
    usable = np.ones(6, np.bool_)
    allowed, short = references(_ANGLES, 20.0, 3.5, 1, usable)
    assert short == 0
    wanted = moved(_ANGLES, 20.0) >= 3.5
    wanted[1, 5] = wanted[5, 1] = False
    np.fill_diagonal(wanted, val=False)
    np.testing.assert_array_equal(allowed, wanted)
    exactly = moved(_ANGLES, 20.0)[0, 3]
    assert references(_ANGLES, 20.0, exactly, 0, usable)[0][0, 3]
    assert not references(_ANGLES, 20.0, exactly * (1 + 1e-9), 0, usable)[0][0, 3]
    assert not references(_ANGLES, 20.0, 0.0, 1, usable)[0].diagonal().any()


def test_where_too_few_are_left_the_farthest_are_taken() -> None:
    usable = np.ones(4, np.bool_)
    angles = np.array([0.0, 5.0, 12.0, 40.0])
    allowed, short = references(angles, 10.0, 6.0, 2, usable)  # only frame 3 is 6 px from 0 and 1
    assert short == 3  # frame 3 has two
    np.testing.assert_array_equal(np.flatnonzero(allowed[0]), [2, 3])
    np.testing.assert_array_equal(np.flatnonzero(allowed[1]), [2, 3])
    np.testing.assert_array_equal(np.flatnonzero(allowed[2]), [0, 3])
    np.testing.assert_array_equal(np.flatnonzero(allowed[3]), [0, 1])
    assert references(angles, 10.0, 6.0, 1, usable)[1] == 1  # frame 2 has none
    assert references(angles, 10.0, 6.0, 0, usable)[1] == 0


def test_more_references_than_frames_are_all_others() -> None:
    allowed, short = references(np.zeros(3), 10.0, 1.0, 9, np.ones(3, np.bool_))
    assert short == 3
    np.testing.assert_array_equal(allowed, ~np.eye(3, dtype=np.bool_))
    alone, short = references(np.zeros(1), 10.0, 1.0, 5, np.ones(1, np.bool_))
    assert not alone.any()
    assert short == 0


def test_a_frame_that_cannot_be_used_is_nobodys_reference() -> None:
    usable = np.array([True, True, False, True])
    angles = np.array([0.0, 30.0, 60.0, 90.0])
    assert not references(angles, 10.0, 1.0, 3, usable)[0][:, 2].any()
    allowed, short = references(angles, 10.0, 99.0, 3, usable)
    assert not allowed[:, 2].any()
    np.testing.assert_array_equal(allowed.sum(axis=1), [2, 2, 3, 2])
    assert short == 4


def test_rings_have_their_own_references_and_the_outermost_relaxed_one_is_told() -> None:
    cube = np.zeros((6, 4, 4))
    cube[4, :2] = np.nan  # half is there
    cube[3, :3] = np.nan
    usable = np.array([True, True, True, False, True, True])
    found = choose_references(cube, _ANGLES, (5.0, 8.0, 40.0), 6.0, 3)
    for ring, radius in enumerate((5.0, 8.0, 40.0)):
        np.testing.assert_array_equal(found.allowed[ring], references(_ANGLES, radius, 6.0, 3, usable)[0])
    assert found.relaxed_px == 8.0
    assert choose_references(cube, _ANGLES, (40.0, 80.0), 6.0, 1).relaxed_px == 0.0


def test_of_many_references_the_nearest_in_time_are_kept() -> None:
    angles = np.arange(7) * 10.0
    cube = np.zeros((7, 2, 2))
    every = choose_references(cube, angles, (20.0,), 6.0, 1).allowed[0]  # two steps and more
    three = choose_references(cube, angles, (20.0,), 6.0, 1, 3).allowed[0]
    for t, wanted in enumerate(([2, 3, 4], [3, 4, 5], [0, 4, 5], [0, 1, 5], [1, 2, 6], [1, 2, 3], [2, 3, 4])):
        np.testing.assert_array_equal(np.flatnonzero(three[t]), wanted)
    for most in (6, 7, None):
        np.testing.assert_array_equal(
            choose_references(cube, angles, (20.0,), 6.0, 1, most).allowed[0], every
        )


def test_what_no_frame_sees_is_not_of_the_field() -> None:
    """Corners and masks without data in all frames do not make frames useless."""
    cube = np.full((6, 6, 6), np.nan)
    cube[:, 2:4, 2:4] = 1.0  # a ninth of the pixels
    whole = choose_references(np.zeros((6, 6, 6)), _ANGLES, (40.0,), 6.0, 2)
    np.testing.assert_array_equal(choose_references(cube, _ANGLES, (40.0,), 6.0, 2).allowed, whole.allowed)
    cube[5, 2:4, 3] = np.nan  # half of it is there
    np.testing.assert_array_equal(choose_references(cube, _ANGLES, (40.0,), 6.0, 2).allowed, whole.allowed)
    cube[5, 2, 2] = np.nan
    found = choose_references(cube, _ANGLES, (40.0,), 6.0, 2).allowed
    assert not found[0, :, 5].any()
    assert found[0, :5].any(axis=1).all()


def test_a_pixel_is_of_the_field_where_half_of_the_frames_have_it() -> None:
    cube = np.full((4, 1, 4), np.nan)
    cube[:, 0, 0] = 1.0
    cube[:2, 0, 1:] = 1.0  # in two of four frames: the others have a quarter of the field
    angles = np.array([0.0, 90.0, 180.0, 270.0])
    with_two = choose_references(cube, angles, (9.0,), 1.0, 1).allowed[0]
    np.testing.assert_array_equal(with_two.any(axis=0), [True, True, False, False])
    cube[1, 0, 1:] = np.nan  # in one of four: not of the field
    assert choose_references(cube, angles, (9.0,), 1.0, 1).allowed[0].any(axis=0).all()


def test_a_frame_without_any_reference_is_refused() -> None:
    cube = np.full((3, 4, 4), np.nan)
    for t in range(3):
        cube[t, t] = 1.0  # no pixel in two frames
    with pytest.raises(ValueError, match=r"3 of 3 frames, the first frame 0, .* 0 frames have data on half"):
        choose_references(cube, _ANGLES[:3], (5.0,), 6.0, 1)
    with pytest.raises(ValueError, match="1 of 1 frames, the first frame 0, have no reference: 1 frames"):
        choose_references(np.zeros((1, 4, 4)), _ANGLES[:1], (5.0,), 6.0, 1)
    cube = np.full((4, 3, 4), np.nan)
    for t in range(3):
        cube[t, t] = 1.0
    cube[3] = 1.0  # alone has half of what two of four see
    with pytest.raises(
        ValueError, match="1 of 4 frames, the first frame 3, have no reference: 1 frames have"
    ):
        choose_references(cube, _ANGLES[:4], (5.0,), 6.0, 1)

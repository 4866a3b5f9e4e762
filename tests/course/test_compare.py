"""Values are compared by exact type and number by number."""

import numpy as np
import pytest

from course.grading import compare


@pytest.mark.parametrize(
    ("got", "reason"),
    [
        ({"tensor": [[1.0, 2.0]]}, None),
        ({"tensor": [[1.0, 2.0 + 1e-9]]}, None),
        ({"tensor": [[1.0, 2.001]]}, "1 of 2 numbers are wrong"),
        ({"tensor": [[1.0, float("nan")]]}, "1 of 2 numbers are wrong"),
        (
            {"tensor": [[True, 2.0]]},
            "the tensor holds a bool where a floating-point number is asked",
        ),
        ({"tensor": [1.0, 2.0]}, "the shape is [2], not [1, 2]"),
        ([[1.0, 2.0]], "a tensor is asked, not a tuple or list"),
        ({"object": "AlwaysEqual"}, "a tensor is asked, not an object of type AlwaysEqual"),
        (None, "a tensor is asked, not None"),
    ],
)
def test_values_are_compared_by_exact_type_and_number_by_number(got, reason):
    assert compare.difference(np.array([[1.0, 2.0]]), got) == reason


@pytest.mark.parametrize("got", [True, 1.0, "1", None, {"tensor": 1}, [1]])
def test_only_an_int_is_an_int(got):
    assert compare.difference(1, 1) is None
    assert compare.difference(1, got).startswith("an int is asked, not ")


def test_rows_of_different_length_are_no_tensor():
    got = {"tensor": [[1.0, 2.0], [3.0]]}
    assert compare.difference(np.ones((2, 2)), got) == "the tensor's rows differ in length"

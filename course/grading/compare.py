"""Compare what came back from the sandbox with what was expected: exact types, each number."""

import numpy as np

TOLERANCE = (
    1e-6  # absolute and relative: far above rounding, also of float32, far below any wrong equation
)


def kind(value):
    """What a value that came back is, in words."""
    if type(value) is dict:
        return (
            "a tensor"
            if "tensor" in value
            else f"an object of type {str(value.get('object'))[:40]}"
        )
    names = {
        list: "a tuple or list",
        bool: "a bool",
        int: "an int",
        float: "a float",
        str: "a string",
    }
    return names.get(type(value), "None")


def shape(value):
    """The shape of nested lists, read along their first elements."""
    sizes = []
    while type(value) is list:
        sizes.append(len(value))
        value = value[0] if value else None
    return sizes


def numbers(value, sizes):
    """The floats of nested lists of that shape, in order; exact types: a bool is no number."""
    if not sizes:
        if type(value) is not float:
            raise TypeError(
                f"the tensor holds {kind(value)} where a floating-point number is asked"
            )
        yield value
    elif type(value) is not list or len(value) != sizes[0]:
        raise TypeError("the tensor's rows differ in length")
    else:
        for item in value:
            yield from numbers(item, sizes[1:])


def close(got, expected):
    """Whether two numbers are equal within the tolerance."""
    return abs(got - expected) <= TOLERANCE * (1 + abs(expected))


def difference(expected, got):
    """None if ``got`` (as JSON) is what was expected, else a sentence that gives no value away."""
    if isinstance(expected, tuple):
        if type(got) is not list or len(got) != len(expected):
            asked = "one value" if len(expected) == 1 else f"{len(expected)} values"
            return f"a tuple of {asked} is asked, not {kind(got)}" + (
                f" of {len(got)}" if type(got) is list else ""
            )
        found = [
            (k, difference(*pair)) for k, pair in enumerate(zip(expected, got, strict=True), 1)
        ]
        wrong = [f"result {k} of {len(expected)}: {text}" for k, text in found if text]
        return "; ".join(wrong) or None
    if not isinstance(expected, np.ndarray):
        if type(got) is not type(expected):
            return f"{kind(expected)} is asked, not {kind(got)}"
        return None if close(got, expected) else "the number is wrong"
    if type(got) is not dict or "tensor" not in got:
        return f"a tensor is asked, not {kind(got)}"
    if shape(got["tensor"]) != list(expected.shape):
        return f"the shape is {shape(got['tensor'])}, not {list(expected.shape)}"
    try:
        pairs = list(
            zip(numbers(got["tensor"], expected.shape), expected.ravel().tolist(), strict=True)
        )
    except TypeError as error:
        return str(error)
    wrong = sum(not close(*pair) for pair in pairs)
    return f"{wrong} of {len(pairs)} numbers are wrong" if wrong else None


def judge(case, answer):
    """None if the answer is right, else the reason."""
    if "value" not in answer:
        return f"it raises {str(answer.get('error'))[:200]}"
    text = difference(case.expected, answer["value"])
    return text or (
        "the values are right, but it changed its inputs"
        if case.pure and answer.get("changed")
        else None
    )

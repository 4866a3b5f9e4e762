"""Read by tools/release.py, and by nbgrader itself when its commands run beside this file."""

c = get_config()  # noqa: F821 (nbgrader defines it)

# A solution becomes this comment; the line after it in the source raises NotImplementedError.
c.ClearSolutions.code_stub = {"python": "# YOUR CODE HERE"}

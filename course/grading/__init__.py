"""The grader. It knows no assignment: it is given one, ``course.assignments.NAME``."""

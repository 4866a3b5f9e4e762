"""The course: the assignment, its students' version, and the grader."""

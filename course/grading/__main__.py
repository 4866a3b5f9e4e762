"""``python -m course.grading ASSIGNMENT FOLDER``."""

import sys

from course.grading.grader import main

sys.exit(main())

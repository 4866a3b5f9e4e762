"""The studies behind the stored results: one module a study, each with ``run()``.

It writes one row a run into ``results/<study>.csv`` and leaves out those that are there, so it can be stopped and
started at any moment. Its docstring says what is measured, and by which rule it is judged."""

STUDIES = ("speed", "speech")

"""The studies behind the stored results, one module each; ``gatedrnn.sweep`` says what such a module holds.

``gatedrnn run STUDY`` writes one row a run into ``results/<study>.csv`` and leaves out those that are there, so a study
can be stopped and started at any moment. Its docstring says what is measured, and by which rule it is judged."""

STUDIES = (
    "structure",
    "speed",
    "factorial",
    "updates",
    "memory",
    "engine",
    "panel",
    "small_data",
    "convergence",
    "capacity",
    "speech",
    "counting",
    "long_range",
    "retention",
    "copying",
    "languages",
    "control",
    "ablations",
    "strings",
    "devices",
    "language",
    "music",
    "forecasting",
    "online",
    "latency",
)

"""Texts that students wrote, made fit for a page, a table and a console."""

import re
import unicodedata


def printable(text: object, most: int = 300) -> str:
    """Any text on one line, without control characters or halves of characters.

    Args:
        text: what is to be shown; its ``str`` may fail, too.
        most: characters that are kept.

    Returns:
        The text; what cannot be shown stands there as its code.
    """
    try:
        text = str(text)
    except Exception as error:
        text = f"({type(error).__name__} while reading it)"
    text = " ".join(text[: 4 * most].split())
    shown = []
    for letter in text:
        if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co", "Cn"):
            shown.append(letter.encode("unicode_escape", "surrogatepass").decode("ascii"))
        else:
            shown.append(letter)
    text = "".join(shown)
    return text if len(text) <= most else text[: most - 3] + "..."


def markdown(text: object) -> str:
    """Text without effect in Markdown or HTML."""
    return re.sub(r"([\\`*_<>\[\]#|!&~$])", r"\\\1", printable(text))


def table_cell(value: object) -> object:
    """A value for a CSV file; a text that a spreadsheet would run as a formula gets a quote."""
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "|", "%") else text


def file_name(student: str) -> str:
    """A name for the student's page of feedback, without anything that a file system minds."""
    safe = re.sub(r"[^\w .,()@+-]|^\.", "_", printable(student, 100)).strip(" .")
    return safe or "_"


def encodable(text: str, encoding: str | None) -> str:
    """The text as a console of that encoding can print it."""
    encoding = encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)

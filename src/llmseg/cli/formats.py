"""Tables of text as Markdown and as LaTeX."""

from collections.abc import Sequence

Rows = Sequence[Sequence[str]]

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{sign: f"\\{sign}" for sign in "&%$#_"},
}


def markdown(rows: Rows, title: str, notes: Sequence[str] = ()) -> str:
    """A section: heading, table (the first row is its header, the first column text, the others numbers), notes."""
    header, *body = [[_cell(text) for text in row] for row in rows]
    lines = [f"## {title}", "", _line(header), _line([":--", *["--:"] * (len(header) - 1)]), *map(_line, body)]
    if notes:
        lines += ["", *(f"- {note}" for note in notes)]
    return "\n".join(lines) + "\n"


def latex(rows: Rows, title: str, notes: Sequence[str] = ()) -> str:
    """A floating table for the package booktabs, with its title as caption and its notes below."""
    header, *body = [" & ".join(map(escape, row)) + r" \\" for row in rows]
    below = [rf"\par\smallskip\footnotesize {escape('; '.join(notes))}."] if notes else []
    columns = "l" + "r" * (len(rows[0]) - 1)
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escape(title)}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            header,
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            *below,
            r"\end{table}",
            "",
        ]
    )


def escape(text: str) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(_LATEX.get(sign, sign) for sign in text)


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"

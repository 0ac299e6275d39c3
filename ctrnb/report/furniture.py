"""A Sphinx extension with what every page gets: parameters, downloads, execution statistics, style, reference pages.

It adds to a chapter's text as Sphinx reads it, so that ``ctrnb book`` and a plain ``jupyter-book build .`` show the same
pages and no chapter repeats what can be computed. Where pages were executed beforehand (``ctrnb book``), the
configuration value ``ctrnb_executed`` names the folder of the executions.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

from ctrnb.report.chapters import Chapter, read_chapter, read_chapters
from ctrnb.report.execute import read_record
from ctrnb.report.reference import members, readable
from ctrnb.report.statistics import account, statistics_table

STATIC = Path(__file__).with_name("static")
STATISTICS, MEMBERS = "% statistics", "% members: "  # where a page wants them
THEBE = re.compile(
    r"<script[^>]*>(?:(?!</script>).)*(?:requestKernel|kernelName)(?:(?!</script>).)*</script>", re.DOTALL
)
SPECIAL = re.compile(r"([\\`*_{}\[\]<>|$])")  # to MyST


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_config_value("ctrnb_executed", "", "env")
    app.add_config_value("ctrnb_root", "", "env")
    app.connect("config-inited", launch_buttons)
    app.connect("builder-inited", lambda app: app.config.html_static_path.append(str(STATIC)))
    app.connect("source-read", furnish)
    app.connect("html-page-context", tidy, priority=900)  # after the extensions that add what is taken out
    app.connect("autodoc-process-docstring", readable, priority=400)  # before napoleon reads it
    app.add_css_file("book.css")
    app.add_js_file("book.js")
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def launch_buttons(app: Any, config: Any) -> None:
    """Point the launch and source buttons to the repository that publishes the book, where a GitHub workflow does."""
    repository = os.environ.get("GITHUB_REPOSITORY")
    if not repository:
        return
    server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
    config.html_theme_options |= {
        "repository_url": f"{server}/{repository}",
        "repository_branch": os.environ.get("GITHUB_REF_NAME", "main"),
        "use_repository_button": True,
        "launch_buttons": {"notebook_interface": "jupyterlab", "binderhub_url": "https://mybinder.org"},
    }


def tidy(app: Any, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Take out of a page what would ask another host (thebe, which this book does not use) or break a reader's tools."""
    context["script_files"] = [
        each
        for each in context.get("script_files", ())
        if "thebe" not in f"{each.filename} {getattr(each, 'attributes', {}).get('body', '')}".lower()
    ]
    if "body" in context:
        body = THEBE.sub("", context["body"])
        context["body"] = body.replace('<div role="list" class="citation-list">', '<div class="citation-list">')


def furnish(app: Any, docname: str, content: list[str]) -> None:
    """Add to the text of a page what belongs to it."""
    root = Path(app.config.ctrnb_root or app.srcdir)
    executed = Path(app.config.ctrnb_executed) if app.config.ctrnb_executed else None
    text = content[0]
    if STATISTICS in text:
        found = statistics_table(read_chapters(root), executed) if executed else "```{nb-exec-table}\n```"
        content[0] = text.replace(STATISTICS, found)
    elif MEMBERS in text:
        content[0] = re.sub(f"{MEMBERS}(\\S+)", lambda match: members(match[1]), text)
    elif (root / f"{docname}.md").is_file():
        chapter = read_chapter(root / f"{docname}.md")
        if chapter.executable:
            content[0] = appended(text, foot(chapter, executed))


def appended(text: str, more: str) -> str:
    """Return a notebook, as JSON or as MyST, with a last cell of text."""
    if not text.lstrip().startswith("{"):
        return f"{text}\n\n{more}\n"
    notebook = json.loads(text)
    notebook["cells"].append({"cell_type": "markdown", "id": "foot", "metadata": {}, "source": more})
    return json.dumps(notebook)


def foot(chapter: Chapter, executed: Path | None) -> str:
    """Return the end of a chapter: its parameters, how to rerun it, what to download and how it was executed."""
    first = next(iter(chapter.parameters))
    parts = [
        "## Rerun this chapter",
        parameter_table(chapter),
        f"`ctrnb book -p {chapter.name}.{first}=VALUE` executes this chapter alone with another value, and the notebook "
        "runs by itself in JupyterLab or papermill.",
    ]
    record = read_record(executed, chapter.name) if executed else None
    if record:
        parts += [downloads(chapter), f"*{account(record)}* {{doc}}`All chapters <statistics>`."]
    return "\n\n".join(parts)


def parameter_table(chapter: Chapter) -> str:
    """Return a chapter's parameters as a MyST table."""
    lines = ["| parameter | type | default | allowed | meaning |", "|---|---|---|---|---|"]
    for each in chapter.parameters.values():
        cells = (f"`{each.name}`", each.type, f"`{each.default!r}`".replace("|", "\\|"), plain(each.range) or "any")
        lines.append(f"| {' | '.join(cells)} | {plain(each.about)} |")
    return "\n".join(lines)


def downloads(chapter: Chapter) -> str:
    """Return links to what :mod:`ctrnb.report.downloads` wrote."""
    notebook, data = f"downloads/{chapter.name}.ipynb", f"downloads/{chapter.name}-data.zip"
    return (
        f"**Take away:** {{download}}`the notebook <{notebook}>`, {{download}}`its tables and data <{data}>` "
        "(every table as CSV, the ledgers and descriptions it read, the executed notebook)."
    )


def plain(text: str) -> str:
    """Return text that MyST shows as it is."""
    return SPECIAL.sub(r"\\\1", text)

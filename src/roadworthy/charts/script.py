"""The JavaScript that draws charts in a page which loads nothing: bundled once, then kept in a directory.

Not here: the page. The bundle holds Vega-Lite, Vega and Vega-Embed in the versions that Altair speaks.
"""

from __future__ import annotations

from pathlib import Path

from roadworthy.charts.look import altair, converter
from roadworthy.durable import write_whole


def bundle(cache: Path) -> str:
    """The script as text, safe inside an HTML script element; making it takes some seconds, once.

    cache    directory to keep it in; made where it is missing
    raises   NotReady without the extra `charts`
    """
    language = ".".join(altair().SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    vl_convert = converter()
    kept = cache / f"vega-lite-{language}-{vl_convert.__version__}.js"
    if kept.exists():
        return kept.read_text(encoding="utf-8")
    script: str = vl_convert.javascript_bundle(vl_version=language).replace("</script", "<\\/script")
    cache.mkdir(parents=True, exist_ok=True)
    write_whole(kept, script.encode())
    return script

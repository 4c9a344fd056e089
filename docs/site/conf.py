"""Sphinx's settings for the site: no page of it asks another host for anything.

scripts/build_site.py puts this file beside the pages that it lays out, and runs Sphinx there.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "GRPO Lab"
copyright = "the authors of GRPO Lab. Apache-2.0"
language = "en"

extensions = ["myst_nb", "mathml"]
html_math_renderer = "mathml"
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
exclude_patterns = ["extra"]

# Notebooks are shown as they are committed: their outputs were made and tested elsewhere.
nb_execution_mode = "off"
nb_merge_streams = True
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
suppress_warnings = [
    "myst.header",  # the glossary begins its second table with a heading of a lower level
]

html_theme = "furo"
html_title = "GRPO Lab"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_extra_path = ["extra"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0072b2", "color-brand-content": "#0072b2"},
    "dark_css_variables": {"color-brand-primary": "#56b4e9", "color-brand-content": "#56b4e9"},
    "top_of_page_buttons": [],
    "footer_icons": [],
}
pygments_style = "friendly"
pygments_dark_style = "github-dark"

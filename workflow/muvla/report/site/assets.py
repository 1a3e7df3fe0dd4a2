"""The style sheets and scripts of the project page, as its rules and its pages name them; scripts in loading order."""

SITE = ("site.css", "tables.css", "address.js", "tables.js", "chart.js")
VIEWER = (
    "viewer.css",
    "viewer_files.js",
    "viewer_pictures.js",
    "viewer_charts.js",
    "viewer_panel.js",
    "viewer_state.js",
    "viewer_keys.js",
    "viewer.js",
)

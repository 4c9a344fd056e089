"""The dashboard: a server without torch, and one script that shows a run live.

    run folder -> runs.RunBook -> feed.Feed -> WebSocket -> assets/pages/lab.js (panels)
    button -> POST lab/api/... -> runs.RunBook -> control.json or a new worker process
    trial -> POST lab/api/lens -> trials.answer -> analysis.lens -> the board after the trial

`server` puts the rooms together, `panels` is the Gradio shell around the script, `guard` decides
which requests are answered, and `classroom`, where there is a class, who may ask for what. A panel
is one module in assets/panels/ and one line in `PANELS` of assets/pages/lab.js.
"""

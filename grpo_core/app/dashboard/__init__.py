"""The dashboard: a server without torch, and one script that shows a run live.

    run folder -> runs.RunBook -> feed.Feed -> WebSocket -> assets/lab.js (charts, group board)
    button -> POST lab/api/... -> runs.RunBook -> control.json or a new worker process
    trial -> POST lab/api/lens -> trials.answer -> analysis.lens -> the board after the trial

`server` puts the rooms together, `panels` is the Gradio shell around the script, `guard` decides
which requests are answered, and `classroom`, where there is a class, who may ask for what. A panel
is one module in assets/ and one line in `PANELS` of assets/lab.js.
"""

"""A run to give away: one file that replays it, tables, TRL's completions; and from TRL back.

    html     one self-contained HTML file with the dashboard's panels, for a browser without network
    tables   steps and completions as CSV or Parquet
    trl      the folder that TRL's log_completions writes, and a run made from such a folder
    whole    a file or folder that is there whole or not at all

Nothing here needs torch, and the dashboard's server does not import it: it runs `grpo-lab share` or
`grpo-lab export` as a process of its own.
"""

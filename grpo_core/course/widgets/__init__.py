"""What a notebook shows live and keeps as plain output: sliders and the group board."""

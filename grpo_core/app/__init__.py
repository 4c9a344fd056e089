"""What people look at: the dashboard, and runs that are given away."""

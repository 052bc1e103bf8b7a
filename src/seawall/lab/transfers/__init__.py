"""What moving money to a position costs, and how long it takes."""

"""Who pays when the insurance is empty: policies of deleveraging side by side."""

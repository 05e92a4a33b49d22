"""What is trained, how, and what is known of it."""

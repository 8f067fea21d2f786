"""What a release would take and could detect, before anything moves: pure, from history or stated assumptions."""
